"""What a process and its device hold at a moment: read when a job enters a stage, for its report."""

from __future__ import annotations

from typing import NamedTuple

import psutil
import torch

_PROCESS = psutil.Process()


class Held(NamedTuple):
    """Bytes resident in host memory, and in tensors on the GPU, which is None where the device is the host."""

    host_bytes: int
    device_bytes: int | None = None


def held(device: torch.device) -> Held:
    """Now."""
    on_device = int(torch.cuda.memory_allocated(device)) if device.type == "cuda" else None
    return Held(int(_PROCESS.memory_info().rss), on_device)
