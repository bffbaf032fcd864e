"""How much memory a device holds: the figure beside a job's times."""

from __future__ import annotations

import psutil
import torch


def held_bytes(device: torch.device) -> int:
    """Most that torch has held on a CUDA device; elsewhere the process's resident memory now."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return int(psutil.Process().memory_info().rss)
