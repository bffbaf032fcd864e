"""Frames made and frames wanted come in; which pair of frames each of the wanted lies between, and where, goes out."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple


class Gap(NamedTuple):
    """A frame that was made, and what is shown from it until the next: moments 0 <= t < 1 of the way there."""

    first: int
    moments: tuple[Fraction, ...]


def gaps(made: int, made_fps: int, wanted: int, fps: int) -> Iterator[Gap]:
    """One for each frame that was made and is shown from, in order; together they have `wanted` moments.

    Exact, however rates divide. What plays beyond the last frame holds it: its moments are 0.
    """
    moments: dict[int, list[Fraction]] = {}
    for number in range(wanted):
        place = Fraction(number * made_fps, fps)
        first = min(int(place), made - 1)
        moments.setdefault(first, []).append(place - first if first < made - 1 else Fraction(0))
    for first, found in moments.items():
        yield Gap(first, tuple(found))
