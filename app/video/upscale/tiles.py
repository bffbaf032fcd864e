"""A picture's size comes in, the tiles that it is worked on in go out: none larger than is allowed, edges shared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

HALO: Final = 16  # pixels around a tile that the model sees and that are cut off what it gives


class Tile(NamedTuple):
    """Rows and columns that are seen (`top`..`bottom`, `left`..`right`), and those of them that are kept."""

    top: int
    bottom: int
    left: int
    right: int
    keep_top: int
    keep_bottom: int
    keep_left: int
    keep_right: int


def tiles(height: int, width: int, side: int) -> Iterator[Tile]:
    """What is kept covers the picture once; what is seen is `side` + 2 * HALO pixels wide and high, at most."""
    for top, bottom in _parts(height, side):
        for left, right in _parts(width, side):
            yield Tile(
                max(0, top - HALO),
                min(height, bottom + HALO),
                max(0, left - HALO),
                min(width, right + HALO),
                top,
                bottom,
                left,
                right,
            )


def _parts(length: int, most: int) -> Iterator[tuple[int, int]]:
    """Nearly equal parts: no sliver is left over."""
    count = -(-length // most)
    for number in range(count):
        yield number * length // count, (number + 1) * length // count
