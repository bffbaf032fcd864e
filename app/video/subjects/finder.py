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


def reduced(pixels: Pixels, most_side: int) -> Pixels:
    """The same no longer than that."""
    height, width = pixels.shape[:2]
    scale = most_side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def enlarged(cover: Pixels, like: Pixels) -> Pixels:
    """A cover as large as a picture, with smooth edges."""
    height, width = like.shape[:2]
    if cover.shape == (height, width):
        return cover
    return np.asarray(cv2.resize(cover, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


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
