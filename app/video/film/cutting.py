"""The script and its measured clips come in; which picture of which clip each frame of the film shows goes out.

Pure: nothing is opened here. What a film is cut into are segments: packets that are taken from a clip as they are, and
runs of frames that are drawn and encoded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.errors import GenerationError
from app.types.storyboard import CaptionMode, Fit, Transition
from app.video.film.clips import Clip
from app.video.film.script import FilmScript

_EARLY: Final = 1 / 8
"""Of a frame of the film: so much sooner may a picture be shown, since files round their times."""

Order = NDArray[np.int64]
"""The picture that each frame of a scene shows, counted through all its clips, (frames,)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """`count` frames of the film from `start` on: the first packets of `clip`, or, without one, drawn."""

    start: int
    count: int
    clip: Clip | None = None


def check(script: FilmScript) -> None:
    """Raises GenerationError, `unusable_film`: a scene without clips or frames, or shorter than its transitions."""
    if not script.scenes or min(script.width, script.height, script.fps) < 1:
        raise GenerationError("A film needs scenes, a size and a rate.", code="unusable_film")
    for number, scene in enumerate(script.scenes):
        taken = sum(overlaps(script, number)) + sum(fades(script, number))
        if not scene.clips or scene.frames < 1 or scene.transition_frames < 0 or taken > scene.frames:
            message = f"Scene {number + 1} has {scene.frames} frames, {len(scene.clips)} clips, {taken} in transitions."
            raise GenerationError(message, f"scenes[{number}]", "unusable_film")


def overlaps(script: FilmScript, number: int) -> tuple[int, int]:
    """How many frames a scene (from 0) shares with the one before it, and the one after it."""
    return _lasting(script, number, Transition.CROSSFADE), _lasting(script, number + 1, Transition.CROSSFADE)


def fades(script: FilmScript, number: int) -> tuple[int, int]:
    """How many frames at the beginning and end of a scene (from 0) are darker: a fade's second half, and its first."""
    begin, end = _lasting(script, number, Transition.FADE), _lasting(script, number + 1, Transition.FADE)
    return begin - begin // 2, end // 2


def brightness(script: FilmScript, number: int, frame: int) -> tuple[int, int]:
    """Numerator and denominator of what is left of a scene's light in its frame; black once, at the end of a scene."""
    begin, end = fades(script, number)
    after = script.scenes[number].frames - 1 - frame
    if frame < begin:
        return frame + 1, begin + 1
    return (after, end) if after < end else (1, 1)


def _lasting(script: FilmScript, number: int, kind: Transition) -> int:
    if not 0 < number < len(script.scenes):  # the first has none
        return 0
    scene = script.scenes[number]
    return scene.transition_frames if scene.transition is kind else 0


def order(clips: Sequence[Clip], frames: int, fps: int, fit: Fit) -> Order:
    """The picture on screen at the time of each frame, whatever rates the clips have; none is made between two.

    The first picture of every further clip is the last of the one before it once more (as `app.video.join` has it),
    and never shown, unless the clip has no other.
    """
    shown: list[int] = []
    times: list[float] = []
    seconds, before = 0.0, 0
    for position, clip in enumerate(clips):
        skipped = 1 if position and len(clip.times) > 1 else 0
        begin = clip.times[skipped]
        shown.extend(range(before + skipped, before + len(clip.times)))
        times.extend(seconds + at - begin for at in clip.times[skipped:])
        seconds += clip.seconds - begin
        before += len(clip.times)
    whole = max(1, round(seconds * fps))  # frames of the film that the clips fill
    asked = np.arange(frames, dtype=np.float64)
    if frames > whole and fit is Fit.LOOP:
        asked %= whole
    elif frames > whole and fit is Fit.SLOW:
        asked *= whole / frames
    places = np.searchsorted(np.asarray(times, np.float64), (asked + _EARLY) / fps, side="right") - 1
    found: Order = np.asarray(shown, np.int64)[np.maximum(places, 0)]
    return found


def cue_frames(script: FilmScript) -> tuple[tuple[int, int], ...]:
    """The frames of the film at which each cue is seen: from, and up to but without."""
    return tuple(
        (max(0, _first(cue.start_s, script.fps)), min(script.frames, _first(cue.end_s, script.fps)))
        for cue in script.cues
    )


def _first(second: float, fps: int) -> int:
    return math.ceil(second * fps - 1e-6)


def changed(script: FilmScript) -> NDArray[np.bool_]:
    """Which frames of the film show something else than one picture of one clip, (frames,)."""
    found = np.zeros(script.frames, np.bool_)
    for number, start in enumerate(script.starts()):
        end = start + script.scenes[number].frames
        begin, last = (max(pair) for pair in zip(overlaps(script, number), fades(script, number), strict=True))
        found[start : start + begin] = True
        found[end - last : end] = True
    if script.captions is CaptionMode.BURNT:
        for first, after in cue_frames(script):
            found[first:after] = True
    return found


def segments(
    script: FilmScript, clips: Sequence[Sequence[Clip]], orders: Sequence[Order], header: bytes
) -> tuple[Segment, ...]:
    """The whole film in order. Packets are taken from clips of the film's own size and parameter sets (`header`).

    No segment has one frame alone, where the film has more: two IDR pictures in a row would have to differ in a number
    that every stream begins with 0 (ITU-T H.264, 7.4.3, idr_pic_id).
    """
    touched = changed(script)
    found: list[Segment] = []
    at = 0
    for number, start in enumerate(script.starts()):
        for segment in _copied(clips[number], orders[number], start, touched, header):
            if segment.start > at:
                found.append(Segment(at, segment.start - at))
            found.append(segment)
            at = segment.start + segment.count
    if at < script.frames:
        found.append(Segment(at, script.frames - at))
    return tuple(_without_single(found))


def _copied(
    clips: Sequence[Clip], shown: Order, start: int, touched: NDArray[np.bool_], header: bytes
) -> list[Segment]:
    """Where a scene shows a clip from its first picture on, one after another, unchanged."""
    beginnings: dict[int, Clip] = {}
    before = 0
    for clip in clips:
        if clip.plain and clip.header == header:
            beginnings[before] = clip
        before += len(clip.times)
    found: list[Segment] = []
    at = 0
    while at < len(shown):
        clip_here = beginnings.get(int(shown[at]))
        count = 0
        if clip_here is not None:
            while (
                at + count < len(shown)
                and count < len(clip_here.times)
                and shown[at + count] == shown[at] + count
                and not touched[start + at + count]
            ):
                count += 1
        if count > 1:
            found.append(Segment(start + at, count, clip_here))
        at += max(count, 1)
    return found


def _without_single(found: Sequence[Segment]) -> list[Segment]:
    """The same, each single frame drawn together with its neighbours, and drawn neighbours as one."""
    kept: list[Segment] = []
    for segment in found:
        last = kept[-1] if kept else None
        alone = segment.count == 1 or (last is not None and last.count == 1)
        if last is not None and (alone or (segment.clip is None and last.clip is None)):
            kept[-1] = Segment(last.start, last.count + segment.count)
        else:
            kept.append(segment)
    return kept
