"""What a replica computes on, in words: step times are kept for the next replica on the same."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import torch

from app.embedded.precision import native_bfloat16


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


def products_a_s(rounds: int = 3) -> float:
    """Floating-point operations a second of a large product on this machine's device, the best of some rounds."""
    gpu = torch.cuda.is_available()
    device, side = torch.device("cuda" if gpu else "cpu"), 8192 if gpu else 1024
    dtype = torch.bfloat16 if native_bfloat16(device) else torch.float32
    left = torch.ones(side, side, dtype=dtype, device=device)
    took: list[float] = []
    for _ in range(rounds + 1):  # the first warms up
        began = time.perf_counter()
        float((left @ left)[0, 0])  # waits for the device
        took.append(time.perf_counter() - began)
    return float(2 * side**3 / min(took[1:]))
