"""What became of each request, and samples of the line: all that the figures are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

COMPLETED, REFUSED, LATE, UNFINISHED = "completed", "refused", "late", "unfinished"


class Outcome(NamedTuple):
    """Seconds from the beginning; `started` is the first lease. `cached`: no device made it."""

    kind: str
    priority: str
    tenant: str
    at: float
    end: str
    started: float
    ended: float
    cached: bool
    promised_s: float | None

    @property
    def wait_s(self) -> float:
        return self.started - self.at

    @property
    def latency_s(self) -> float:
        return self.ended - self.at


class Sample(NamedTuple):
    """The service at a moment."""

    at: float
    waiting: int
    running: int
    replicas: int
    wanted: int


@dataclass(frozen=True)
class Ran:
    """A whole simulation. Seconds by pool: of replicas being there, and of their devices at work."""

    seconds: float
    outcomes: Sequence[Outcome]
    samples: Sequence[Sample]
    alive_s: Mapping[str, float]
    busy_s: Mapping[str, float]
    timeline: Mapping[str, Sequence[tuple[float, int]]]  # replicas there, by pool, where that changes
    passes: int
    events: int
    took_s: float
