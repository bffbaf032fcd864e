"""Minute samples of the service: the Dispatcher keeps one a minute in a ring of an hour, which forecasts read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

MINUTE_S = 60.0
KEPT = 61
"""Samples in the ring: an hour has sixty spaces between so many."""


@dataclass(frozen=True, slots=True)
class PoolSample:
    """One pool at a moment. Work in step-seconds, the wait of a job that would come now in seconds."""

    step_seconds: float = 0.0
    wait_s: float = 0.0
    replicas: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """The line at a moment, and counters since the store began, of which readers take differences."""

    at: float  # Unix seconds, by the clock of the stores
    waiting: int = 0  # jobs
    running: int = 0
    step_seconds: float = 0.0  # of both, of all pools
    wait_s: float = 0.0  # the longest of the pools'
    replicas: int = 0
    completed: float = 0.0  # videos
    failed: float = 0.0
    hits: float = 0.0  # of the cache of results
    misses: float = 0.0
    pools: Mapping[str, PoolSample] = field(default_factory=dict)

    @property
    def minute(self) -> int:
        """Which minute since 1970 it stands for."""
        return int(self.at // MINUTE_S)


_SAMPLE = TypeAdapter(Sample)


def sample_to_note(sample: Sample) -> dict[str, object]:
    """The record as JSON values."""
    return asdict(sample)


def sample_from_note(note: object) -> Sample | None:
    """The record of a note; None of one that makes no sense, as another version may have left it."""
    try:
        return _SAMPLE.validate_python(note)
    except ValidationError:
        return None


def last_hour(samples: Sequence[Sample], now: float) -> list[Sample]:
    """Those of the last hour, the oldest first: a ring still holds older ones where nobody has written."""
    return sorted((each for each in samples if 0 <= now - each.at <= KEPT * MINUTE_S), key=lambda each: each.at)


class Samples(Protocol):
    """The ring. Raises StoreUnavailable."""

    async def keep(self, sample: Sample) -> None:
        """Put it in its minute's place, where one of an hour ago, or another of the same minute, was."""
        ...

    async def read(self, now: float) -> list[Sample]:
        """Those of the last hour, the oldest first: one round trip."""
        ...


class MemorySamples:
    """The ring in this process: tests and tools."""

    def __init__(self) -> None:
        self._ring: dict[int, Sample] = {}

    async def keep(self, sample: Sample) -> None:
        self._ring[sample.minute % KEPT] = sample

    async def read(self, now: float) -> list[Sample]:
        return last_hour(list(self._ring.values()), now)
