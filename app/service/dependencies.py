"""Jobs that come after others: one that has ended comes in, and those that waited for it go on or fail with it."""

from __future__ import annotations

import contextlib

from app.errors import Conflict, DependencyFailed
from app.jobs.reports.account import RELEASED
from app.jobs.store import find
from app.service.endings import fail
from app.service.ports import Shared
from app.types import Failure, Job, Phase

BATCH = 100  # jobs looked at together
ROUNDS = 50  # those who fail take others with them; what is left after so many is left to the next pass


async def release_dependants(stores: Shared, now: float) -> int:
    """Let those go on whose jobs have completed, end those whose jobs have failed or are gone; how many were told.

    May be called at any time, by several at once and again after a death in between. Raises StoreUnavailable.
    """
    told = 0
    for _ in range(ROUNDS):
        ended = await stores.jobs.unreleased(BATCH)
        if not ended:
            break
        for job_id in ended:
            told += await _tell(job_id, stores, now)
    return told


async def _tell(job_id: str, stores: Shared, now: float) -> int:
    """All who wait for one job that has ended."""
    job, told = await find(stores.jobs, job_id), 0
    while waiting := await stores.jobs.dependants(job_id, BATCH):
        for each in waiting:
            if job is None or job.phase is not Phase.COMPLETED:
                await _fail(each, job_id, job, stores, now)
            await stores.events.note(each, {RELEASED: {"at": now}})  # of several, the last stands
            await stores.jobs.release(each, job_id)
            told += 1
    await stores.jobs.mark_released(job_id)
    return told


async def _fail(job_id: str, awaited: str, gone: Job | None, stores: Shared, now: float) -> None:
    """End one that waited for it, unless somebody else has."""
    job = await find(stores.jobs, job_id)
    if job is None or job.phase is not Phase.QUEUED:
        return
    why = "was deleted" if gone is None else f"failed ({gone.failure.code if gone.failure else 'unknown'})"
    failure = Failure(DependencyFailed.code, f"{awaited}, which it comes after, {why}.")
    with contextlib.suppress(Conflict):  # cancelled since it was read
        await fail(job_id, job.fence, failure, stores, now)
