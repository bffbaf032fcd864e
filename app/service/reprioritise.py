"""A job's class of priority is changed: its record, its flight, and the replica that has it are told, in this order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from app.errors import Conflict, IllegalTransition
from app.jobs.events import priority_signal
from app.logs.context import about_job, facts
from app.service.admission import check_raise
from app.service.ports import Ports
from app.settings import Settings
from app.types import PRIORITIES, Caller, Job, Phase

log = logging.getLogger(__name__)
PRIORITY = "priority"
"""The kind of its event, in the log of the tenant alone: who follows a flight hears of no leader's."""


async def reprioritise(
    job_id: str, priority: str, caller: Caller, ports: Ports, settings: Settings, clock: Callable[[], float]
) -> Job:
    """The job as it is then. The same again changes nothing; of a job that is leased meanwhile the attempt hears.

    Operators may change anybody's, and are not held to the longest wait of others, which a job that its tenant makes
    more urgent must not exceed.

    Raises:
        JobNotFound: there is none, or it is another tenant's and the caller no operator.
        Conflict: it has ended.
        Overloaded: more urgent, it would hold up accepted jobs for too long.
        StoreUnavailable: Redis does not answer; nothing was changed.
    """
    tenant = None if caller.is_operator else caller.tenant
    before = await ports.jobs.get(job_id, tenant)
    if before.phase.ended:
        raise _ended(before)
    if before.priority == priority:
        return before
    rises = PRIORITIES.index(priority) > PRIORITIES.index(before.priority)
    if rises and not caller.is_operator and before.phase is Phase.QUEUED:
        await check_raise(replace(before, priority_now=priority), ports.board, settings)
    try:
        job = await ports.jobs.reprioritise(job_id, tenant, priority)
    except IllegalTransition:
        raise _ended(before) from None
    with about_job(job):
        log.info("has another priority", extra=facts(priority=priority, phase=job.phase.value))
    await ports.flights.reseat(job)
    await ports.stops.send(priority_signal(job_id))
    await ports.events.tell_tenant(job.tenant, job_id, PRIORITY, clock(), {"priority": priority})
    return job


def _ended(job: Job) -> Conflict:
    return Conflict(f"{job.id} has ended: its priority changes nothing any more.", code="video_ended")
