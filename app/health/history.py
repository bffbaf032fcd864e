"""History for charts: the Dispatcher keeps a reading every ten seconds for an hour, and every two minutes for a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final, Protocol

from pydantic import TypeAdapter, ValidationError

from app.line.backlog import Backlog
from app.telemetry import (
    CACHE_HITS,
    CACHE_MISSES,
    DEVICE_SECONDS,
    JOBS_CREATED,
    JOBS_ENDED,
    QUEUE_WAIT,
    labelled,
    total,
)
from app.telemetry.histograms import read as histogram

WANTED: Final = frozenset({"completed", "cancelled"})
"""Ends that are no failures."""


@dataclass(frozen=True, slots=True)
class Window:
    """A ring of readings: one every `every_s`, so many are `kept`; what happened is told over `over` spaces of it."""

    name: str
    every_s: int
    kept: int
    over: int

    @property
    def key(self) -> str:
        """How the ring is called in a store."""
        return f"history_{self.name}"

    def slot(self, at: float) -> int:
        """Which reading since 1970 a moment belongs to."""
        return int(at // self.every_s)


HOUR: Final = Window("1h", 10, 361, 6)
DAY: Final = Window("24h", 120, 721, 5)
WINDOWS: Final[Mapping[str, Window]] = {each.name: each for each in (HOUR, DAY)}


@dataclass(frozen=True, slots=True)
class Reading:
    """The service at a moment, and counters since the store began, of which readers take differences."""

    at: float  # Unix seconds, by the clock of the stores
    waiting: Mapping[str, int] = field(default_factory=dict)  # jobs in the line, by priority
    running: int = 0
    wait_s: float = 0.0  # of a job that comes now, in the fullest pool
    wanted: int = 0  # replicas that the pools should have
    ready: int = 0  # and those that take jobs
    created: float = 0.0
    completed: float = 0.0
    failed: float = 0.0
    device_seconds: float = 0.0
    hits: Mapping[str, float] = field(default_factory=dict)  # by level of the caches
    misses: Mapping[str, float] = field(default_factory=dict)
    waits: Mapping[str, float] = field(default_factory=dict)  # jobs that started, by the bucket of what they waited


_READING: Final = TypeAdapter(Reading)


class History(Protocol):
    """The rings. Raises StoreUnavailable."""

    async def keep(self, reading: Reading, windows: Sequence[Window]) -> None:
        """Put it in its place in these rings, where one that is too old by now was."""
        ...

    async def read(self, window: Window, now: float) -> list[Reading]:
        """Those that are not too old, the oldest first: one round trip."""
        ...


def reading_of(backlog: Backlog, figures: Mapping[str, float]) -> Reading:
    """What a pass has published, and the counters, as one reading."""
    rows, ended = list((backlog.pools or {}).values()), labelled(figures, JOBS_ENDED)
    waiting: dict[str, int] = {}
    for row in rows:
        for priority, jobs in row.classes.items():
            waiting[priority] = waiting.get(priority, 0) + jobs
    waits: dict[str, float] = {}
    for series in histogram(figures, QUEUE_WAIT).values():
        for bound, count in series.classic.items():
            waits[bound] = waits.get(bound, 0.0) + count
    return Reading(
        at=backlog.at,
        waiting=waiting,
        running=backlog.running,
        wait_s=round(backlog.wait_s, 3),
        wanted=sum(row.replicas if row.wanted is None else row.wanted for row in rows),
        ready=sum(row.replicas for row in rows),
        created=figures.get(JOBS_CREATED, 0.0),
        completed=ended.get("completed", 0.0),
        failed=sum(count for code, count in ended.items() if code not in WANTED),
        device_seconds=round(total(figures, DEVICE_SECONDS), 3),
        hits=labelled(figures, CACHE_HITS),
        misses=labelled(figures, CACHE_MISSES),
        waits=waits,
    )


def reading_to_note(reading: Reading) -> dict[str, object]:
    """The record as JSON values."""
    return asdict(reading)


def reading_from_json(data: bytes) -> Reading | None:
    """The record; None of one that makes no sense, as another version may have left it."""
    try:
        return _READING.validate_json(data)
    except ValidationError:
        return None


def in_window(readings: Sequence[Reading], window: Window, now: float) -> list[Reading]:
    """Those of the window, the oldest first: a ring still holds older ones where nobody has written."""
    last = window.slot(now)
    return sorted((each for each in readings if 0 <= last - window.slot(each.at) < window.kept), key=lambda one: one.at)


class MemoryHistory:
    """The rings in this process: tests and tools."""

    def __init__(self) -> None:
        self._rings: dict[str, dict[int, Reading]] = {name: {} for name in WINDOWS}

    async def keep(self, reading: Reading, windows: Sequence[Window]) -> None:
        for window in windows:
            self._rings[window.name][window.slot(reading.at) % window.kept] = reading

    async def read(self, window: Window, now: float) -> list[Reading]:
        return in_window(list(self._rings[window.name].values()), window, now)
