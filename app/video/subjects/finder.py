"""The port that finds a picture's subject, and what the answers share: how large it is seen, and which are none."""

from __future__ import annotations

from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""RGB, (height, width, 3); or a cover, (height, width), 255 where the subject is."""

LEAST_COVERAGE: Final = 0.001
MOST_COVERAGE: Final = 0.95  # what fills the picture stands before nothing
INSIDE: Final = 127


class Finder(Protocol):
    """Looks for one kind of subject."""

    @property
    def mark(self) -> str:
        """What names its answers in caches: another one may answer otherwise."""
        ...

    def find(self, pixels: Pixels) -> Pixels | None:
        """The subject's cover, as large as the picture; None: there is no subject. It blocks, for a second or two."""
        ...


def sized(pixels: Pixels, least_side: int, most_side: int) -> Pixels:
    """The same with its longer side within those bounds."""
    height, width = pixels.shape[:2]
    side = min(max(height, width, least_side), most_side)
    return resized(
        pixels, max(1, round(width * side / max(height, width))), max(1, round(height * side / max(height, width)))
    )


def as_large_as(pixels: Pixels, cover: Pixels) -> Pixels:
    """The cover with the sides of the picture, its edges soft."""
    return resized(cover, pixels.shape[1], pixels.shape[0])


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """The same with those sides."""
    if pixels.shape[:2] == (height, width):
        return pixels
    way = cv2.INTER_AREA if width * height < pixels.shape[0] * pixels.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=way), np.uint8)


def sensible(cover: Pixels) -> Pixels | None:
    """The cover, unless it is nearly nothing or nearly all."""
    return cover if LEAST_COVERAGE <= coverage_of(cover) <= MOST_COVERAGE else None


def coverage_of(cover: Pixels) -> float:
    """How much of the picture it covers, 0 to 1."""
    return float((cover > INSIDE).mean())


def box_of(cover: Pixels) -> tuple[int, int, int, int]:
    """x, y, width and height of what is covered; it must not be nothing."""
    rows, columns = np.nonzero(cover > INSIDE)
    left, top = int(columns.min()), int(rows.min())
    return left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1
