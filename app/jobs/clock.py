"""The port to the clock that all records are dated by, and the clock of this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Unix seconds, the same for all who share the stores."""

    def __call__(self) -> float: ...

    async def sync(self) -> None:
        """Ask the clock that this one follows, if that is due. Raises StoreUnavailable while it never answered."""
        ...


class MemoryClock:
    """The Clock port over any source of seconds: the wall clock, or time that a test or simulation moves."""

    def __init__(self, read: Callable[[], float] = time.time) -> None:
        self._read = read

    def __call__(self) -> float:
        return self._read()

    async def sync(self) -> None:
        return None
