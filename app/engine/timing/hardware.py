"""What a replica computes on, in words: step times are kept for the next replica on the same."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import torch


def hardware(device: torch.device) -> str:
    """The GPU's name, or the processor's with the threads that torch uses on it."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{_processor()}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else os.uname().machine


def on_processor() -> bool:
    """Whether replicas on this machine compute on its processor, and so have its memory in common."""
    return not torch.cuda.is_available()


def device_memory() -> tuple[str, int]:
    """The device that a replica on this machine would use, and its bytes: all of a GPU's, or what of RAM is free."""
    if torch.cuda.is_available():
        facts = torch.cuda.get_device_properties(0)
        return str(facts.name), int(facts.total_memory)
    return _processor(), int(psutil.virtual_memory().available)
