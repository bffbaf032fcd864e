"""A caption that is drawn: its picture, where in the film's frames it stands, and how a frame gets it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class CaptionPicture:
    """`pixels`: uint8 (h, w, 4), RGB and alpha, not premultiplied; its first pixel stands at row `top`, column `left`.

    It never reaches beyond the film it was drawn for. `missing`: what no font has a glyph for, each once; it is drawn
    as a visible box. `cut`: the film is too small for all of the text, and its end is left out.
    """

    pixels: NDArray[np.uint8]
    top: int
    left: int
    missing: tuple[str, ...] = field(default=())
    cut: bool = False

    @cached_property
    def _parts(self) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
        """Colour times alpha with rounding, and what of the ground is left, both of 255: uint16 (h, w, 3)."""
        alpha = self.pixels[..., 3:].astype(np.uint16)
        return self.pixels[..., :3] * alpha + np.uint16(128), np.repeat(np.uint16(255) - alpha, 3, axis=2)

    def blend(self, frame: NDArray[np.uint8]) -> None:
        """Draw it into `frame`, uint8 (H, W, 3), in place; the rest of the frame is not touched.

        Raises:
            ValueError: the frame is smaller than the film that it was drawn for.
        """
        height, width = self.pixels.shape[:2]
        region = frame[self.top : self.top + height, self.left : self.left + width]
        if region.shape != (height, width, 3):
            raise ValueError(f"a caption of {width}x{height} at {self.left}, {self.top} is not within {frame.shape}")
        colour, ground = self._parts
        mixed = np.multiply(region, ground, dtype=np.uint16)
        mixed += colour  # at most 255 * 255 + 128
        mixed += mixed >> 8  # with the 128: an exact division by 255, rounded
        mixed >>= 8
        region[...] = mixed


def blend(frame: NDArray[np.uint8], picture: CaptionPicture) -> None:
    """As `CaptionPicture.blend`."""
    picture.blend(frame)
