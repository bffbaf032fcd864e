"""The sound that clips have of their own comes in, scene by scene; it lies in the mix, lower while somebody speaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from app.types.storyboard import Fit
from app.video.film.clips import unreadable
from app.video.film.cutting import fades, overlaps
from app.video.film.runs import Stop, checked
from app.video.film.script import FilmScript, SceneCut
from app.video.film.sound.decode import pieces
from app.video.film.sound.music import Span, ducking
from app.video.film.sound.samples import RATE, Samples, Sound

_EDGE: Final = RATE // 200  # samples in which it comes and goes at a cut, where it would click


def sounding(script: FilmScript) -> tuple[int, ...]:
    """The scenes (from 0) whose clip has sound; none where it is left out. Raises GenerationError."""
    return tuple(
        number
        for number, scene in enumerate(script.scenes)
        if script.clip_level > 0 and scene.clips and _has_sound(scene.clips[0], number)
    )


def overhear(script: FilmScript, scenes: Sequence[int], mix: Samples, spoken: Sequence[Span], stop: Stop) -> None:
    """Mix it in: as long as its scene, again from its beginning where the pictures are, else once.

    Raises:
        GenerationError: `unreadable_clip`, naming the scene.
        Cancelled: `stop` said so.
    """
    gain, starts = ducking(spoken, mix.count, script.ducked_db, fades=False), script.starts()
    for number in scenes:
        scene, start = script.scenes[number], starts[number]
        begin, end = (round(frame * RATE / script.fps) for frame in (start, start + scene.frames))
        edges = _edges(script, number)
        at = begin
        try:
            for piece in _played(scene):
                checked(stop)
                heard = piece[: end - at]
                if not len(heard):
                    break
                seen = _presence(at - begin, len(heard), end - begin, edges)
                mix.add(at, heard * gain(at, len(heard)) * seen * np.float32(script.clip_level))
                at += len(heard)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise unreadable(number, error) from error


def _played(scene: SceneCut) -> Iterator[Sound]:
    yield from pieces(scene.clips[0])
    while scene.fit is Fit.LOOP:
        yield from pieces(scene.clips[0])


def _edges(script: FilmScript, number: int) -> tuple[int, int]:
    """Samples in which a scene's sound comes and goes: as long as its picture does."""
    crossed, darker = overlaps(script, number), fades(script, number)
    first, last = (max(pair) for pair in zip(crossed, darker, strict=True))
    return max(_EDGE, round(first * RATE / script.fps)), max(_EDGE, round(last * RATE / script.fps))


def _presence(start: int, length: int, count: int, edges: tuple[int, int]) -> NDArray[np.float32]:
    at = np.arange(start, start + length)
    rising, falling = np.interp(at, (0, edges[0]), (0.0, 1.0)), np.interp(at, (count - edges[1], count), (1.0, 0.0))
    found: NDArray[np.float32] = (rising * falling).astype(np.float32)
    return found


def _has_sound(path: Path, scene: int) -> bool:
    try:
        with av.open(str(path), "r", format="mp4") as container:
            return bool(container.streams.audio)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise unreadable(scene, error) from error
