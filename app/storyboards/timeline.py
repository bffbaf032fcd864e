"""When everything of a film happens: lengths of clips and narrations come in, frames at the film's rate go out; pure.

A scene lasts as long as it was asked to, and at least as long as its narration with a pause before and behind; without
either, as long as its clip. Models make clips of certain lengths only: what is too long is cut off in the film. Of a
crossfade the two scenes share the frames; no narration begins before its scene is seen alone, so that two are never
heard at once. All is counted in whole frames: sound is laid to them, and cannot drift from the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.types.storyboard import Transition

LEAD_S: Final = 0.3  # before a narration
TAIL_S: Final = 0.5  # behind it
_ALMOST: Final = 1e-6  # of a frame: what binary fractions of a second are wrong by


@dataclass(frozen=True, slots=True)
class Lengths:
    """What decides a scene's place: seconds of its clip, of its narration, and as asked; how it begins."""

    clip_s: float
    narration_s: float | None = None
    asked_s: float | None = None
    transition: Transition = Transition.CUT
    transition_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scene is in the film, in frames. `speech_at`: how many after its beginning its narration begins."""

    start: int
    frames: int
    transition: Transition
    transition_frames: int
    speech_at: int

    @property
    def end(self) -> int:
        return self.start + self.frames

    @property
    def speech_start(self) -> int:
        return self.start + self.speech_at


def with_pauses_s(narration_s: float, transition_s: float) -> float:
    """Seconds of a scene that is to hold a narration and begins with a transition of that length (0 for a cut)."""
    return max(LEAD_S, transition_s) + narration_s + TAIL_S


def overlap_s(transition: Transition, transition_s: float) -> float:
    """Seconds of a scene's beginning for which the one before it, or black, is still seen."""
    return 0.0 if transition is Transition.CUT else transition_s


def timeline(scenes: Sequence[Lengths], fps: int) -> tuple[Place, ...]:
    """The place of each scene. A transition takes at most half of either scene; the first scene has none."""
    lengths = [_frames(each, first=number == 0, fps=fps) for number, each in enumerate(scenes)]
    places: list[Place] = []
    for scene, frames in zip(scenes, lengths, strict=True):
        before = places[-1] if places else None
        fades = 0 if before is None else _fades(scene, frames, before.frames, fps)
        transition = scene.transition if fades else Transition.CUT
        start = 0 if before is None else before.end - (fades if transition is Transition.CROSSFADE else 0)
        speech_at = max(_up(LEAD_S * fps), fades)
        places.append(Place(start, frames, transition, fades, speech_at))
    return tuple(places)


def film_frames(places: Sequence[Place]) -> int:
    """Of the whole film."""
    return places[-1].end if places else 0


def _frames(scene: Lengths, first: bool, fps: int) -> int:
    """At least one; a narration's are rounded up, so that nothing of it is cut off."""
    if scene.asked_s is None and scene.narration_s is None:
        return max(1, round(scene.clip_s * fps))
    longest = round((scene.asked_s or 0.0) * fps)
    if scene.narration_s is not None:
        begins_s = 0.0 if first else overlap_s(scene.transition, scene.transition_s)
        lead, tail = max(_up(LEAD_S * fps), round(begins_s * fps)), _up(TAIL_S * fps)
        longest = max(longest, lead + _up(scene.narration_s * fps) + tail)
    return max(1, longest)


def _fades(scene: Lengths, frames: int, frames_before: int, fps: int) -> int:
    asked = round(overlap_s(scene.transition, scene.transition_s) * fps)
    return max(0, min(asked, frames // 2, frames_before // 2))


def _up(frames: float) -> int:
    return math.ceil(frames - _ALMOST)
