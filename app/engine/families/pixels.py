"""What all families do alike at their ends: frames are rounded as diffusers does it, torch's errors get our names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine.denoiser import DeviceLost, Frames
from app.errors import DeviceOutOfMemory, NumericalError


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


@contextmanager
def device_errors() -> Iterator[None]:
    """Torch's errors in our words: DeviceOutOfMemory for one job, DeviceLost for the engine."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise DeviceOutOfMemory("The job does not fit into the device's memory.") from error
    except getattr(torch, "AcceleratorError", ()) as error:  # torch 2.8 and later
        raise DeviceLost(str(error)) from error
    except RuntimeError as error:
        if "DefaultCPUAllocator" in str(error):
            raise DeviceOutOfMemory("The job does not fit into memory.") from error
        raise
