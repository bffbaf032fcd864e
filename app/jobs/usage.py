"""What tenants have used, by day, model and key: the port, what a job that has ended adds, and the log in memory."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from app.jobs.quotas import label
from app.types import Job, Measured, Phase

FIGURES: Final = (
    *("jobs", "completed", "failed", "cache_hits", "steps", "evaluations"),
    *("device_seconds", "money", "bytes", "video_seconds"),
)
"""What is counted, in the order in which it is told."""


@dataclass(frozen=True, slots=True)
class Used:
    """Figures of one day (2026-11-28), tenant, model and key; the key is empty where nobody needs one."""

    day: str
    tenant: str
    model: str
    key_id: str
    figures: Mapping[str, float] = field(default_factory=dict)


class UsageLog(Protocol):
    """Figures by day, which are kept for as long as the settings say."""

    async def add(self, used: Used) -> None:
        """Add to the figures. Never raises: a lost figure must not fail a job."""
        ...

    async def read(self, tenant: str | None, first: str, last: str) -> Sequence[Used]:
        """From the first day to the last, of one tenant or of all. Raises StoreUnavailable."""
        ...


def used_by(job: Job, now: float) -> Used:
    """What a job that has ended adds to its day; one that was answered with another's video has made nothing."""
    completed, measured = job.phase is Phase.COMPLETED, job.measured or Measured()
    made = not job.cache.hit
    estimate = job.plan.estimate
    price = (estimate.cost or 0.0) / estimate.device_seconds if estimate.device_seconds else 0.0  # of a device second
    figures = {
        "jobs": 1.0,
        "completed" if completed else "failed": 1.0,
        "cache_hits": float(job.cache.hit),
        "steps": float(job.step) if made else 0.0,
        "evaluations": float(measured.evaluations),
        "device_seconds": measured.device_seconds,
        "money": measured.device_seconds * price,
        "bytes": float(sum(each.size_bytes for each in job.artifacts.values())) if made else 0.0,
        "video_seconds": job.plan.whole.seconds if completed else 0.0,
    }
    counted = {name: value for name, value in figures.items() if value}
    return Used(label("day", now), job.tenant, job.plan.model, job.key_id or "", counted)


def days_between(first: str, last: str) -> Sequence[str]:
    """Every day from the first to the last. Raises ValueError for what is no day."""
    start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return [(start + dt.timedelta(days=each)).isoformat() for each in range((end - start).days + 1)]


class NullUsage:
    """Forgets everything."""

    async def add(self, used: Used) -> None:
        return None

    async def read(self, tenant: str | None, first: str, last: str) -> Sequence[Used]:
        return ()


class MemoryUsage:
    """The UsageLog port in this process: tests and tools."""

    def __init__(self) -> None:
        self._figures: dict[tuple[str, str, str, str], dict[str, float]] = defaultdict(dict)

    async def add(self, used: Used) -> None:
        kept = self._figures[used.day, used.tenant, used.model, used.key_id]
        for name, value in used.figures.items():
            kept[name] = kept.get(name, 0.0) + value

    async def read(self, tenant: str | None, first: str, last: str) -> Sequence[Used]:
        rows = [Used(*who, dict(figures)) for who, figures in sorted(self._figures.items())]
        return [each for each in rows if first <= each.day <= last and tenant in (None, each.tenant)]
