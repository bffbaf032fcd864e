"""Memory while batches grow: what is left before it is short, and the most that was held since a batch began."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import psutil
import torch

from app.engine.memory.pressure import MemoryReader

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class Headroom(Protocol):
    """Asked on the engine's thread, around a batch's steps."""

    def begin(self, batch: int) -> None:
        """A batch of so many jobs begins: peaks count from here."""
        ...

    def peak_bytes(self) -> int:
        """The most held since then, beyond what was held then."""
        ...

    def left_bytes(self) -> int:
        """What may still be taken before memory is short."""
        ...


class UnlimitedHeadroom:
    """Room without end: only running out of memory refuses a batch."""

    def begin(self, batch: int) -> None:
        return None

    def peak_bytes(self) -> int:
        return 0

    def left_bytes(self) -> int:
        return sys.maxsize


class FixedHeadroom:
    """Room of a fixed size, of which each job takes the same: tests and drills."""

    def __init__(self, size_bytes: int, job_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._job_bytes = job_bytes
        self._batch = 0

    def begin(self, batch: int) -> None:
        self._batch = batch

    def peak_bytes(self) -> int:
        return self._batch * self._job_bytes

    def left_bytes(self) -> int:
        return self._size_bytes


class DeviceHeadroom:
    """The device's own: torch's peak on a GPU, else the process' resident peak, which Linux can count anew."""

    def __init__(self, device: torch.device, reader: MemoryReader, warning: float) -> None:
        self._device = device
        self._reader = reader
        self._warning = warning
        self._held = 0

    def begin(self, batch: int) -> None:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self._held = int(torch.cuda.memory_allocated(self._device))
            return
        with suppress(OSError):  # then the peak is that of the process' life, and no growth is seen before it is passed
            _CLEAR.write_text("5")
        self._held = int(psutil.Process().memory_info().rss)

    def peak_bytes(self) -> int:
        if self._device.type == "cuda":
            return max(0, int(torch.cuda.max_memory_allocated(self._device)) - self._held)
        return max(0, (_resident_peak() or int(psutil.Process().memory_info().rss)) - self._held)

    def left_bytes(self) -> int:
        used = self._reader.read()
        if self._device.type == "cuda":
            total, share = int(torch.cuda.mem_get_info(self._device)[1]), used.device or 0.0
        else:
            total, share = int(psutil.virtual_memory().total), used.host
        return max(0, int((self._warning - share) * total))


def _resident_peak() -> int | None:
    """VmHWM in bytes; None where there is no /proc."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), None)
