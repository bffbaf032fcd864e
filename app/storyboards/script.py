"""A storyboard whose scenes are made comes in; their places, cues, and the digest of what decides the film go out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from app.captions.cue import Cue
from app.captions.cues import COLUMNS, cues
from app.captions.drawing import columns_for
from app.captions.timing import Span
from app.storyboards.clips import fit_of
from app.storyboards.planning import lengths_of
from app.storyboards.timeline import Place, timeline
from app.types import Artifact
from app.types.storyboard import CaptionMode, Scene, SpokenWord, Storyboard
from app.video.film.script import FilmScript, SceneCut

FORM: Final = "film-1"
"""What becomes of clips, sound and cues: part of a film's key. Another is due when `app.video.film` changes that."""


def places_of(story: Storyboard) -> tuple[Place, ...]:
    """The place of each scene in the film."""
    lengths = [
        lengths_of(story.wish, scene.wish, scene.frames / max(1, scene.fps), spoken_s(scene)) for scene in story.scenes
    ]
    return timeline(lengths, story.fps)


def spoken_s(scene: Scene) -> float | None:
    """How long its narration is; None: it has none."""
    return None if scene.narration is None else scene.narration.seconds


def caption_of(scene: Scene) -> str:
    """What is read of a scene: its caption, else what a model wrote, else what is said, else what is seen."""
    return scene.wish.caption or scene.caption or scene.wish.narration or scene.wish.prompt


def title_of(scene: Scene, number: int) -> str:
    """The name of its chapter."""
    return scene.wish.title or f"Scene {number}"


def cues_of(story: Storyboard, places: Sequence[Place]) -> tuple[Cue, ...]:
    """The cues of the whole film, in order, none over another: a scene's begin when it is seen alone."""
    found: list[Cue] = []
    ends_s = 0.0
    burnt = story.wish.captions is CaptionMode.BURNT
    columns = columns_for(story.width, story.height) if burnt else COLUMNS
    for scene, place in zip(story.scenes, places, strict=True):
        seen = Span(ends_s, place.end / story.fps)
        heard: Span | None = None
        words: tuple[SpokenWord, ...] = ()
        if scene.narration is not None and caption_of(scene) == scene.wish.narration:
            begins_s = place.speech_start / story.fps
            heard, words = Span(begins_s, begins_s + scene.narration.seconds), scene.narration.words
        found += cues(caption_of(scene), seen, heard, words, columns)
        ends_s = seen.end_s
    return tuple(found)


def film_key(story: Storyboard, places: Sequence[Place], captions: Sequence[Cue]) -> str:
    """SHA-256 (hex) over all that determines the film's bits, and whose it is: equal keys, equal films."""
    wish = story.wish
    facts = {
        "form": FORM,
        "tenant": story.tenant,
        "size": [story.width, story.height, story.fps],
        "title": wish.title,
        "language": wish.narrator.language,
        "captions": wish.captions.value,
        "cues": [[cue.start_s, cue.end_s, cue.lines] for cue in captions],
        "music": [None if wish.music is None else wish.music.key, float(wish.music_level)],
        "deterministic": wish.deterministic,
        "scenes": [
            _scene_facts(story, number, scene, place)
            for number, (scene, place) in enumerate(zip(story.scenes, places, strict=True), 1)
        ],
    }
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _scene_facts(story: Storyboard, number: int, scene: Scene, place: Place) -> dict[str, object]:
    return {
        "clip": None if scene.clip is None else scene.clip.key,
        "speech": None if scene.narration is None else scene.narration.artifact.key,
        "place": asdict(place),
        "fit": fit_of(story.wish, scene.wish).value,
        "title": title_of(scene, number),
    }


@dataclass(frozen=True, slots=True)
class NamedScript:
    """The order to the assembler before its files are at hand: `needs` are those that it names."""

    story: Storyboard
    places: Sequence[Place]
    cues: tuple[Cue, ...]

    @property
    def needs(self) -> tuple[Artifact, ...]:
        """Clips, narrations and music, in order; one that is needed twice is there twice."""
        found: list[Artifact] = []
        for scene in self.story.scenes:
            found += [scene.clip] if scene.clip is not None else []
            found += [scene.narration.artifact] if scene.narration is not None else []
        return (*found, *([self.story.wish.music] if self.story.wish.music is not None else []))

    def script(self, files: Mapping[str, Path]) -> FilmScript:
        """With `files` in place of the artifacts, by key. Raises KeyError."""
        story, wish = self.story, self.story.wish
        return FilmScript(
            width=story.width,
            height=story.height,
            fps=story.fps,
            scenes=tuple(
                SceneCut(
                    clips=() if scene.clip is None else (files[scene.clip.key],),
                    frames=place.frames,
                    title=title_of(scene, number),
                    fit=fit_of(wish, scene.wish),
                    transition=place.transition,
                    transition_frames=place.transition_frames,
                    speech=None if scene.narration is None else files[scene.narration.artifact.key],
                    speech_at=place.speech_at,
                )
                for number, (scene, place) in enumerate(zip(story.scenes, self.places, strict=True), 1)
            ),
            cues=self.cues,
            captions=wish.captions,
            language=wish.narrator.language,
            title=wish.title,
            music=None if wish.music is None else files[wish.music.key],
            music_level=wish.music_level,
            deterministic=wish.deterministic,
        )
