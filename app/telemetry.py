"""Figures that every process adds to and any can read: the Meter port, its names, the null and memory meters."""

from __future__ import annotations

import time
from collections import Counter
from typing import Protocol

# Names are `<what>` or `<what>:<label>`; the metrics page turns the part after the colon into a label.
JOBS_CREATED = "jobs_created"
JOBS_ENDED = "jobs_ended"  # :completed, :<error code>
TIERS = "tier_jobs"  # :<tier>
CACHE_HITS = "cache_hits"  # :<level>
CACHE_MISSES = "cache_misses"  # :<level>
CACHE_SAVED = "cache_step_seconds_saved"  # :<level>
STEPS_PLANNED = "steps_planned"
STEPS_FIXED = "steps_fixed_default"  # evaluations that full runs of the same jobs would have taken
STEP_SECONDS_SAVED = "step_seconds_saved"
DEVICE_SECONDS = "device_seconds"
JOB_SECONDS = "job_seconds"
JOB_LATENCY = "job_latency"  # :<upper bound in seconds>; each of the same jobs counts for one bound
EVALUATIONS = "denoiser_evaluations"
ATTEMPTS_LOST = "attempts_lost"
WEBHOOKS = "webhooks"  # :delivered, :retried, :failed, :disabled
ARTIFACTS_REMOVED = "artifacts_removed"  # :expired, :orphaned; folders, one a job

LATENCY_BOUNDS_S = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
BEYOND = "+Inf"


def latency_figure(seconds: float) -> str:
    """The figure that an ended job of so many seconds adds one to."""
    bound = next((bound for bound in LATENCY_BOUNDS_S if seconds <= bound), None)
    return f"{JOB_LATENCY}:{BEYOND if bound is None else f'{bound:g}'}"


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
