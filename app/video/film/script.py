"""What a film is put together from: the order to the assembler, with nothing in it that is already decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.captions.cue import Cue
from app.types.storyboard import CaptionMode, Fit, Transition


@dataclass(frozen=True, slots=True)
class SceneCut:
    """One scene: its clips (mp4 files in order; more than one where others go on from the first), and its place.

    `frames` of the film at its rate belong to the scene, overlaps with its neighbours included; `fit` fills them where
    the clips are shorter (hold where a clip that goes on is still too short), and what is longer is cut off. The first
    picture of every further clip is the last of the one before once more, and left out. The scene begins in the way of
    `transition`, which takes `transition_frames` (0 for a cut): a crossfade overlaps the scene before; the first half
    of a fade ends the scene before, its second begins this one. Together they are no longer than the scene.
    `speech` (FLAC, mono) begins `speech_at` frames after the scene.
    """

    clips: tuple[Path, ...]
    frames: int
    title: str = ""
    fit: Fit = Fit.HOLD
    transition: Transition = Transition.CUT
    transition_frames: int = 0
    speech: Path | None = None
    speech_at: int = 0


@dataclass(frozen=True, slots=True)
class FilmScript:
    """The whole film; a crossfade overlaps two scenes, so it is shorter than its scenes together."""

    width: int
    height: int
    fps: int
    scenes: tuple[SceneCut, ...]
    cues: tuple[Cue, ...] = ()
    captions: CaptionMode = CaptionMode.TRACK
    language: str = "en"
    title: str = ""
    music: Path | None = None  # any file with sound; repeated as long as the film lasts
    music_level: float = 0.0  # 0 to 1; 0: none
    deterministic: bool = False
    lufs: float = -16.0  # integrated loudness of the whole, if anybody speaks
    clip_level: float = 0.0  # of the sound that clips have of their own, 0 to 1; 0: it is left out
    ducked_db: float = -12.0  # of that while somebody speaks

    def starts(self) -> tuple[int, ...]:
        """The frame of the film with which each scene begins, its transition included."""
        found: list[int] = []
        at = 0
        for scene in self.scenes:
            if found and scene.transition is Transition.CROSSFADE:
                at -= scene.transition_frames
            found.append(at)
            at += scene.frames
        return tuple(found)

    @property
    def frames(self) -> int:
        """Of the film."""
        return self.starts()[-1] + self.scenes[-1].frames if self.scenes else 0


@dataclass(frozen=True, slots=True)
class FilmFiles:
    """What has come of it, as files in one folder; those that there is no need of are None."""

    video: Path
    thumbnail: Path
    spritesheet: Path
    audio: Path | None  # m4a
    srt: Path | None
    vtt: Path | None
    frames: int
    took_s: float
