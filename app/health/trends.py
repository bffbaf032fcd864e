"""Trends: minute samples come in, what happened in each minute goes out; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.health.samples import Sample


@dataclass(frozen=True, slots=True)
class Minute:
    """One sample with what happened since the one before; None where that is not known."""

    at: float  # Unix seconds
    line_step_seconds: float
    waiting: int
    running: int
    wait_s: float
    replicas: int
    videos_per_minute: float | None = None  # completed
    error_rate: float | None = None  # failed ÷ ended, 0..1; None where none ended
    hit_rate: float | None = None  # of the cache of results, 0..1; None where nobody asked


def trends(samples: Sequence[Sample]) -> list[Minute]:
    """A row for each sample, the oldest first; `samples` are in order.

    Counters that are less than before began anew, as after a restore: what happened in that minute is not known.
    """
    if not samples:
        return []
    return [_minute(samples[0], None), *(_minute(now, before) for before, now in pairwise(samples))]


def _minute(now: Sample, before: Sample | None) -> Minute:
    completed, failed, hits, misses = (_since(now, before, name) for name in ("completed", "failed", "hits", "misses"))
    span_s = 0.0 if before is None else now.at - before.at
    return Minute(
        at=now.at,
        line_step_seconds=now.step_seconds,
        waiting=now.waiting,
        running=now.running,
        wait_s=now.wait_s,
        replicas=now.replicas,
        videos_per_minute=None if completed is None or span_s <= 0 else 60.0 * completed / span_s,
        error_rate=_share(failed, completed),
        hit_rate=_share(hits, misses),
    )


def _since(now: Sample, before: Sample | None, name: str) -> float | None:
    if before is None:
        return None
    grown = float(getattr(now, name) - getattr(before, name))
    return grown if grown >= 0 else None


def _share(part: float | None, rest: float | None) -> float | None:
    return None if part is None or rest is None or part + rest == 0 else part / (part + rest)
