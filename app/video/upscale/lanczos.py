"""A picture comes in, one of twice or four times the sides goes out, by Lanczos' windowed sinc."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
"""sRGB, (H, W, 3)."""


def lanczos(picture: Picture, factor: int) -> Picture:
    """uint8 (H * factor, W * factor, 3). Each pixel's middle stays where it was; flat colours stay what they are."""
    height, width = picture.shape[:2]
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((width * factor, height * factor), Image.Resampling.LANCZOS))
