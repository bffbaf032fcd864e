"""Jobs that nobody can use any more: those past their deadline, in the line or behind another's video, are ended."""

from __future__ import annotations

import logging

from app.dispatch.ports import DispatchStores
from app.errors import KinorayError, TimedOut
from app.jobs.store import find
from app.service.endings import fail
from app.types import Failure, Job, Phase

log = logging.getLogger(__name__)


async def give_up(job: Job, stores: DispatchStores, now: float) -> None:
    """End a waiting job; with the fence it was read with, so not one that has moved on."""
    failure = Failure(TimedOut.code, "Its deadline passed while it waited.")
    try:
        await fail(job.id, job.fence, failure, stores, now)
    except KinorayError as error:  # ended, deleted or leased since it was read
        log.info("Not given up: %s", error)


async def give_up_followers(stores: DispatchStores, now: float, limit: int) -> None:
    """End those who wait for another's video and can use it no more: they are not in the line."""
    for job_id in await stores.flights.late(now, limit):
        job = await find(stores.jobs, job_id)
        if job is not None and job.phase is Phase.QUEUED:
            await give_up(job, stores, now)
        await stores.flights.excuse(job_id)
