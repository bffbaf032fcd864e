"""The one way for a job to end: its record is closed, who follows it hears, figures and usage count it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Protocol

from app.errors import Cancelled, LeaseLost
from app.jobs.events import Entries, EventLog
from app.jobs.failures import Failures, failure_of
from app.jobs.store import JobStore
from app.jobs.storyboards.store import StoryboardStore
from app.jobs.usage import UsageLog, used_by
from app.logs.context import about_job, facts
from app.service.own_figures import with_own
from app.telemetry import JOB_LATENCY, JOB_SECONDS, JOBS_ENDED, PROMISES, Meter, figure, observed
from app.tracing.jobs import record_job
from app.types import Failure, Job, Measured, Phase

log = logging.getLogger(__name__)

COMPLETED = "completed"


class Ending(Protocol):
    """The stores that a job's end is written to."""

    @property
    def jobs(self) -> JobStore: ...
    @property
    def events(self) -> EventLog: ...
    @property
    def meter(self) -> Meter: ...
    @property
    def usage(self) -> UsageLog: ...
    @property
    def storyboards(self) -> StoryboardStore: ...
    @property
    def failures(self) -> Failures: ...


async def fail(
    job_id: str, fence: int, failure: Failure, stores: Ending, now: float, entries: Entries | None = None
) -> Job:
    """End a job as failed, if it still has that fence; `entries` go into its account.

    Raises LeaseLost, JobNotFound or IllegalTransition where it has moved on, and StoreUnavailable.
    """
    job = await stores.jobs.fail(job_id, fence, failure, now)
    if closed_by(job, now):
        await tell_end(job, stores, now, entries=entries)
    return job


def closed_by(job: Job, now: float) -> bool:
    """Whether it was the call that closed it as of `now`, and not one before it, which tells of it itself.

    Closing a record again is fine, and gives it as it is: for a call that is repeated since its answer was lost. Two
    calls may also come side by side, as of an attempt that was delivered twice; told twice, a job would be counted and
    paid for twice.
    """
    return job.completed_at == now


async def tell_end(
    job: Job,
    stores: Ending,
    now: float,
    figures: Mapping[str, float] | None = None,
    followed: bool = True,
    entries: Entries | None = None,
    leader: str | None = None,
) -> None:
    """Of a job whose record has just been closed: a line of the log, word to those who follow it, the figures.

    The storyboard that it is made for, if any, is woken. `followed` False: nobody can know its id yet. `figures` are
    counted with those that every end counts, `entries` go into its account. `leader`: the trace of the job whose video
    it was given.
    """
    log_end(job, now)
    record_job(job, now, leader)
    if followed:
        with contextlib.suppress(LeaseLost):  # deleted since, or a failover has lost its end: it will end again
            await stores.events.append(job.id, "end", now, end_of(job), job.fence, entries)
        if job.wishes.storyboard is not None:
            await stores.storyboards.wake(job.wishes.storyboard[0], now)
    note = failure_of(job, now)
    await asyncio.gather(  # in one round trip
        stores.meter.add(with_own(job.tenant, {**figures_of(job, now), **(figures or {})})),
        stores.usage.add(used_by(job, now)),
        *(() if note is None else (stores.failures.add(note),)),
    )


def log_end(job: Job, now: float) -> None:
    """The last line of a job's log."""
    measured, failure = job.measured or Measured(), job.failure
    said = facts(
        took_s=round(now - job.created_at, 3),
        device_s=round(measured.device_seconds, 3) or None,
        evaluations=measured.evaluations or None,
        resumed_from_step=measured.resumed_from_step,
        cache=job.cache.kind if job.cache.hit else None,
        code=failure and failure.code,
        cause=failure and failure.message,
    )
    with about_job(job):
        if failure is None:
            log.info("cached" if job.cache.kind == "result" else COMPLETED, extra=said)
        elif failure.code == Cancelled.code:
            log.info("cancelled", extra=said)
        else:
            log.warning("failed", extra=said)


def figures_of(job: Job, now: float) -> dict[str, float]:
    """What every end counts: how it ended, and how long the job took from acceptance to its end."""
    how = COMPLETED if job.phase is Phase.COMPLETED else job.failure.code if job.failure else "unknown"
    took_s = max(0.0, now - job.created_at)
    latency = observed(JOB_LATENCY, took_s, job.priority, job.plan.tier, job.plan.model)
    return {figure(JOBS_ENDED, how): 1, JOB_SECONDS: took_s, **latency, **_of_never_started(job)}


def _of_never_started(job: Job) -> dict[str, float]:
    """A job that failed in the line did not start within the wait that it was promised; a cancel is none."""
    waited = job.attempts == 0 and job.phase is Phase.FAILED and job.holds_promise
    if not waited or job.failure is None or job.failure.code == Cancelled.code:
        return {}
    return {figure(PROMISES, "no"): 1}


def end_of(job: Job | None) -> dict[str, object]:
    """What the event that ends a job says; None: it was deleted."""
    data: dict[str, object] = {"status": job.status.value if job else "deleted"}
    if job is not None and job.failure is not None:
        data["error"] = {"code": job.failure.code, "message": job.failure.message}
    return data
