"""Figures that every process adds to and any can read: the Meter port, the null and the memory meter."""

from __future__ import annotations

import time
from collections import Counter
from typing import Protocol


class Meter(Protocol):
    """Adds to named figures. Never raises: a lost figure must not fail a job."""

    async def add(self, figures: dict[str, float]) -> None:
        """Add each value to its figure."""
        ...

    async def read(self) -> dict[str, float]:
        """All figures since the store began.

        Raises:
            StoreUnavailable: the figures' store does not answer.
        """
        ...


class Stages:
    """Seconds that the stages of one request took, each from the end of the one before."""

    def __init__(self) -> None:
        self.took_s: dict[str, float] = {}
        self._at = time.perf_counter()

    def done(self, name: str) -> None:
        """A stage ends now."""
        now = time.perf_counter()
        self.took_s[name], self._at = now - self._at, now


class NullMeter:
    """Forgets everything."""

    async def add(self, figures: dict[str, float]) -> None:
        return None

    async def read(self) -> dict[str, float]:
        return {}


class MemoryMeter:
    """Keeps figures in this process: tests and tools."""

    def __init__(self) -> None:
        self._figures: Counter[str] = Counter()

    async def add(self, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            self._figures[name] += value  # type: ignore[assignment]

    async def read(self) -> dict[str, float]:
        return dict(self._figures)
