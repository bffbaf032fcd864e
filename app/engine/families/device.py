"""Torch's errors come in, the engine's go out: what ends one job, and what ends the device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from app.engine.denoiser import DeviceLost
from app.errors import DeviceOutOfMemory


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
