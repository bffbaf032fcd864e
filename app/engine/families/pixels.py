"""What a decoder answers comes in, the frames that leave the engine go out, rounded as diffusers rounds them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine.denoiser import Frames
from app.errors import NumericalError


def unit(video: torch.Tensor) -> NDArray[np.float32]:
    """A decoded video (3, F, H, W) in -1..1 as float32 (F, H, W, 3) in 0..1 in host memory."""
    pixels: NDArray[np.float32] = (video * 0.5 + 0.5).clamp(0, 1).permute(1, 2, 3, 0).float().cpu().numpy()
    return pixels


def rounded(pixels: NDArray[np.float32]) -> Frames:
    """Frames in 0..1 as uint8, rounded as diffusers' image processor does.

    Raises:
        NumericalError: there are NaNs among them.
    """
    if not np.isfinite(pixels).all():
        raise NumericalError("The decoder answered with numbers that are not finite.")
    frames: Frames = (pixels * 255).round().astype(np.uint8)
    return frames
