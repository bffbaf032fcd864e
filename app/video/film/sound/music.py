"""Music comes in, from a file or played here; as much of it as the film lasts goes out, turned down under speech."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.video.film.sound.decode import pieces
from app.video.film.sound.loudness import LoudnessMeter
from app.video.film.sound.samples import RATE, Samples, Sound

FULL_LUFS: Final = -16.0
"""Of music at level 1 while nobody speaks."""
DUCKED_DB: Final = -12.0
_BEFORE_S, _AFTER_S = 0.4, 0.8  # in which it goes down, ahead of speech, and comes back
_PAUSE_S: Final = 1.5  # of speech, in which it stays down
_FAR: Final = 10 * RATE
_JOIN: Final = RATE // 2  # samples in which the end of a repeated file goes over into its beginning
_FADE_IN_S, _FADE_OUT_S = 0.5, 2.0

_CHORD_S: Final = 4.0
_CHORDS: Final = (
    (130.81, 196.0, 261.63, 329.63),
    (110.0, 164.81, 261.63, 329.63),
    (87.31, 174.61, 220.0, 261.63),
    (98.0, 146.83, 196.0, 246.94),
)
"""C, A minor, F, G: four voices in Hz, each little changed from the one before."""
_PARTIALS: Final = ((1.0, 1.0), (1.003, 0.6), (2.0, 0.2))
"""Of each voice: as multiples of its frequency, and how strong; the second beats slowly against the first."""

Span = tuple[int, int]


class Bed:
    """Music without an end: what is in `source`, over and over."""

    def __init__(self, source: Samples, joined: int) -> None:
        self._source, self._join = source, joined
        self._turn = source.count - joined
        self.gain = 1.0

    def read(self, start: int, count: int) -> Sound:
        """Samples from `start` (0 or later) on."""
        found = np.zeros(count, np.float32)
        turn = start // self._turn
        while turn * self._turn < start + count:
            self._play(found, start, turn)
            turn += 1
        found *= np.float32(self.gain)
        return found

    def close(self) -> None:
        """Let go of the file behind it."""
        self._source.close()

    def _play(self, found: Sound, start: int, turn: int) -> None:
        """What a turn of it gives to a piece: its first samples lie over the last of the turn before."""
        begin = turn * self._turn
        first, end = max(start, begin), min(start + len(found), begin + self._turn)
        sound = self._source.read(first - begin, end - first)
        places = np.arange(first - begin, end - begin)
        if turn and self._join:
            rising = np.minimum(1.0, (places + 0.5) / self._join)
            ending = self._source.read(first - begin + self._turn, end - first)  # silent behind its end
            sound = sound * np.sqrt(rising) + ending * np.sqrt(1 - rising)
        found[first - start : end - start] = sound


def file_bed(path: Path, scratch: Path, count: int) -> Bed:
    """Of a file, of which no more is kept than the film is long. Raises what `pieces` does."""
    held = Samples(scratch, count)
    at = 0
    try:
        for piece in pieces(path):
            held.write(at, piece)
            at += len(piece)
            if at >= count:
                break
    except BaseException:
        held.close()
        raise
    held.count = min(at, count)
    return Bed(held, min(_JOIN, held.count // 4) if at < count else 0)


def own_bed(scratch: Path) -> Bed:
    """Kinoray's own: four soft chords, sixteen seconds, the same in every process; it begins and ends in silence."""
    length = round(_CHORD_S * RATE)
    held = Samples(scratch, length * len(_CHORDS))
    for number, voices in enumerate(_CHORDS):
        held.write(number * length, _chord(voices, length))
    return Bed(held, 0)


def level(bed: Bed, count: int, wanted: float) -> None:
    """Make it as loud as `wanted` (0 to 1) has it, measured over what will be heard of it, 30 seconds at most."""
    meter = LoudnessMeter()
    for start in range(0, min(count, 30 * RATE), RATE):
        meter.take(bed.read(start, RATE))
    loud = meter.lufs()
    bed.gain = 0.0 if wanted <= 0 or math.isinf(loud) else wanted * 10 ** ((FULL_LUFS - loud) / 20)


def ducking(
    spoken: Sequence[Span], count: int, ducked_db: float = DUCKED_DB, fades: bool = True
) -> Callable[[int, int], NDArray[np.float32]]:
    """The gain of what goes down under speech, in any piece of a film of `count` samples, given when there is some.

    Without `fades` it is there from the first sample to the last.
    """
    before, after = round(_BEFORE_S * RATE), round(_AFTER_S * RATE)
    joined: list[list[int]] = []
    for begin, end in spoken:
        if joined and begin - joined[-1][1] < _PAUSE_S * RATE:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([begin, end])
    places, levels = [-_FAR], [0.0]
    for begin, end in joined:
        places += [begin - before, begin, end, end + after]
        levels += [0.0, ducked_db, ducked_db, 0.0]
    edges = (0, round(_FADE_IN_S * RATE), max(0, count - round(_FADE_OUT_S * RATE)), count)

    def gain(start: int, length: int) -> NDArray[np.float32]:
        at = np.arange(start, start + length)
        decibels = np.interp(at, places, levels)
        if not fades:
            return (10 ** (decibels / 20)).astype(np.float32)
        seen = np.interp(at, (edges[0], max(1, edges[1])), (0.0, 1.0)) * np.interp(at, edges[2:], (1.0, 0.0))
        found: NDArray[np.float32] = (10 ** (decibels / 20) * seen).astype(np.float32)
        return found

    return gain


def _chord(voices: Sequence[float], length: int) -> Sound:
    at = np.arange(length) / RATE
    sound = np.zeros(length)
    for voice in voices:
        for multiple, strength in _PARTIALS:
            sound += strength * np.sin(2 * np.pi * voice * multiple * at)
    swell = np.sin(np.pi * at / _CHORD_S) ** 0.7  # soft attack, soft end
    found: Sound = (sound * swell * 0.03).astype(np.float32)
    return found
