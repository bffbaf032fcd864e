"""Reads how full host and device memory are, at most so often, and keeps the levels that the line decides by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psutil
import torch

from app.line.pressure import Limits, Pressure, Used, judged

EVERY_S = 1.0
_CGROUP = Path("/sys/fs/cgroup")


class MemoryReader(Protocol):
    """Says how full memory is; quick, for it is asked between two steps."""

    def read(self) -> Used:
        """Shares in use now."""
        ...


class FixedMemory:
    """A reader that says what it was told: tests and drills."""

    def __init__(self, used: Used | None = None) -> None:
        self.used = used or Used(0.0)

    def read(self) -> Used:
        return self.used


class MachineMemory:
    """The machine's own: the container's limit where there is one, else the host's, and the GPU's.

    What torch holds in reserve on the GPU counts as free, for its next tensors are made there.
    """

    def __init__(self, device: torch.device, cgroup: Path = _CGROUP) -> None:
        self._device = device
        self._cgroup = cgroup

    def read(self) -> Used:
        return Used(max(self._host(), container_share(self._cgroup) or 0.0), self._gpu())

    def _host(self) -> float:
        memory = psutil.virtual_memory()
        return 1.0 - memory.available / memory.total

    def _gpu(self) -> float | None:
        if self._device.type != "cuda":
            return None
        free, total = torch.cuda.mem_get_info(self._device)
        reserve = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        return 1.0 - (free + reserve) / total


def container_share(cgroup: Path = _CGROUP) -> float | None:
    """The share of a container's memory limit that is in use, page cache that can go not counted; None: no limit."""
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        if limit == "max":
            return None
        used = int((cgroup / "memory.current").read_text())
        facts = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        return max(0, used - int(facts.get("inactive_file", 0))) / int(limit)
    except (OSError, ValueError, ZeroDivisionError):
        return None


class MemoryMonitor:
    """The pressure as last read. Belongs to the engine's thread; others may look at `now`."""

    def __init__(
        self, reader: MemoryReader, host: Limits, device: Limits, clock: Callable[[], float], every_s: float = EVERY_S
    ) -> None:
        self.now = Pressure()
        self._reader = reader
        self._limits = (host, device)
        self._clock = clock
        self._every_s = every_s
        self._read_at: float | None = None

    def look(self) -> bool:
        """Read again if it is time; whether it was."""
        now = self._clock()
        if self._read_at is not None and now - self._read_at < self._every_s:
            return False
        self._read_at = now
        self.now = judged(self.now, self._reader.read(), *self._limits)
        return True
