"""The precision that the built-in model learns and is sampled in: bfloat16 only where the processor multiplies it."""

from pathlib import Path

import torch

_CPU_FLAGS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")


def native_bfloat16(device: torch.device, cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether bfloat16 is worth its rounding on this device; a CPU without it multiplies a hundred times slower."""
    if device.type != "cpu":
        return True
    words = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    return not words.isdisjoint(_CPU_FLAGS)


def autocast(device: torch.device) -> torch.autocast:
    """A context that computes in bfloat16 where that is fast, in float32 elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=native_bfloat16(device))
