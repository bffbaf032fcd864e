"""Attempts: a job out of the line is leased and given to a pool's workers; one that was lost goes back, or ends."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.dispatch.holding import Holding
from app.dispatch.ports import AttemptLost, DispatchStores, Workers
from app.errors import KinorayError, ShardLost
from app.health.recoveries import Cause, Signal
from app.jobs.backoff import Backoff
from app.jobs.reports.account import NOT_TAKEN, RAN_OUT, REPLICA_LOST, loss_entry
from app.logs.context import about, about_job, facts
from app.service.background import Background
from app.service.endings import fail
from app.settings import Settings
from app.telemetry import ATTEMPTS_LOST, PROMISES, QUEUE_WAIT, RETRIES, figure, observed
from app.tracing.jobs import record_lost_attempt, record_wait
from app.types import Failure, Job, Lease

log = logging.getLogger(__name__)
LATE_S, LATE_SHARE = 5.0, 0.1  # a wait that is longer than promised by no more than the larger of these is as promised


class Attempts:
    """What is under way is known by its lease alone: whoever dispatches next finds it there."""

    def __init__(
        self, settings: Settings, stores: DispatchStores, workers: Workers, background: Background, holding: Holding
    ) -> None:
        self._lease_s = settings.lease_s
        self._most_of_tenant = settings.tenant_max_running
        self._holding = holding
        self._stores = stores
        self._workers = workers
        self._background = background
        self._backoff = Backoff(settings.retry_first_s, settings.retry_most_s, settings.max_attempts)

    async def start(self, job: Job) -> None:
        """Lease a waiting job, unless it has moved on since it was read, and give it to its pool."""
        pool, now = job.plan.pool, self._stores.clock()
        try:
            under = self._holding.under(pool)
            shown = () if under is None else (under, self._most_of_tenant)
            lease = await self._stores.jobs.lease(job.id, pool, self._lease_s, now, *shown)
        except ShardLost as error:
            self._holding.doubt()
            log.info("Not started: %s", error)
            return
        except KinorayError as error:  # cancelled or deleted
            log.info("Not started: %s", error)
            return
        leased, now = replace(job, fence=lease.fence, attempts=job.attempts + 1), self._stores.clock()
        with about_job(leased):
            log.info("leased", extra=facts(waited_s=round(now - job.created_at, 3), priority=job.priority))
            record_wait(job, lease.fence, now)
            self._background.spawn(self._run(leased, lease), f"attempt {lease.fence} of {job.id}")
        if job.attempts == 0:  # behind the attempt, which need not wait until it is counted
            await self._stores.meter.add(_first_wait(job, now))

    async def take_back(self, leases: Sequence[Lease], now: float) -> None:
        """Leases that ran out: whoever held them may write no more."""
        for lease in leases:
            with about(job=lease.job_id, fence=lease.fence):
                log.warning("lost: its lease ran out", extra=facts(holder=lease.holder))
                try:
                    await self._again(lease, now, RAN_OUT, error="lease_lost")
                except KinorayError as error:
                    log.info("Not taken back: %s", error)

    async def _run(self, job: Job, lease: Lease) -> None:
        try:
            await self._workers.run(job.plan.pool, job.id, lease.fence)
        except AttemptLost as error:
            log.warning("lost: %s", error, extra=facts(counts=error.replica_at_fault))
            died = str(error) if error.died else None
            try:
                why = REPLICA_LOST if error.replica_at_fault else NOT_TAKEN
                await self._again(lease, self._stores.clock(), why, died)
            except KinorayError as trouble:  # its lease will run out, and the next pass takes it back then
                log.info("Left to its lease: %s", trouble)

    async def _again(self, lease: Lease, now: float, why: str, error: str | None = None) -> None:
        """Back into the line after a pause, or, after too many lost replicas, out of the way.

        `error`: what ended an attempt that can tell nothing of itself any more.
        """
        stores = self._stores
        job = await stores.jobs.get(lease.job_id)
        if job.phase.ended or job.fence != lease.fence:
            return
        lost = why != NOT_TAKEN
        loss: dict[str, Any] = {"leased_at": job.started_at, "at": now, "why": why}
        await stores.meter.add({ATTEMPTS_LOST: int(lost)})
        if lost:
            detail = f"Attempt {job.attempts} of {job.id} was lost ({why})."
            await stores.recoveries.record(Signal(Cause.LEASE_LOST, job.plan.pool, "happened", detail, now))
        if error is not None:
            record_lost_attempt(job, lease.fence, now, error)
        if lost and self._backoff.gives_up(job):
            failure = Failure("worker_lost", f"The replicas that ran it were lost {job.losses + 1} times.")
            await fail(job.id, lease.fence, failure, stores, now, {loss_entry(lease.fence): loss})
            return
        not_before = now + self._backoff.pause_s(job.losses + 1)
        await stores.jobs.requeue(job.id, lease.fence, now, lost, not_before)
        log.info("back in the line", extra=facts(step=job.step, losses=job.losses + int(lost)))
        await stores.meter.add({figure(RETRIES, "replica_lost" if lost else "not_started"): 1})
        entries = {loss_entry(lease.fence): {**loss, "not_before": not_before}}
        data = {"phase": "queued", "attempts": job.attempts}
        await stores.events.append(job.id, "phase", now, data, entries=entries)


def _first_wait(job: Job, now: float) -> dict[str, float]:
    """What a job's first attempt counts: its wait, and whether that was as promised."""
    waited_s = max(0.0, now - job.created_at)
    counts = observed(QUEUE_WAIT, waited_s, job.priority, job.plan.tier, job.plan.model)
    if job.promised_s is not None and job.holds_promise and not job.after:
        most_s = job.promised_s + max(LATE_S, LATE_SHARE * job.promised_s)
        counts[figure(PROMISES, "yes" if waited_s <= most_s else "no")] = 1
    return counts
