"""What happens to a job, as it happens: its own events, or those of the job that makes its video, until its own end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial

from app.jobs.events import EventLog
from app.jobs.record import parse_event_id
from app.service.endings import end_of
from app.service.follower_reads import FollowerReads, patiently
from app.service.ports import Shared
from app.service.single_flight import leader_of
from app.types import Event, Job, Phase

BLOCK_S = 5.0  # how long one wait for the next event lasts before the record is looked at again
MADE_UP = 2**63 - 1  # the second half of the id of an end that nobody wrote: no event that is written has it
BEHIND_BLOCK_S = 1.0  # the same behind another job, whose events do not tell when this one is cancelled


async def told_all(job: Job, last: str, events: EventLog) -> bool:
    """Whether who names the event `last` has been told all there is, the job's end too. Raises StoreUnavailable."""
    if not job.phase.ended:
        return False
    at, number = parse_event_id(last)
    if number == MADE_UP:
        return True
    before = f"{at}-{number - 1}" if number else f"{at - 1}-{MADE_UP}" if at else None
    found = await events.read(job.id, before, 0.0)
    return bool(found) and found[0].kind == "end" and parse_event_id(found[0].id) == (at, number)


async def follow(
    job: Job, after: str | None, stores: Shared, clock: Callable[[], float], reads: FollowerReads
) -> AsyncIterator[Sequence[Event]]:
    """Events from the start or behind `after`, ending with kind "end". Raises StoreUnavailable when it stays away.

    Those that are there at once come together: whoever is behind is told more at a time. The record is looked at when
    a wait brought nothing or told of another phase, not at every step.
    """
    now: Job | None = job
    last, block_s, behind = after, 0.0, job.id
    while now is not None and not now.phase.ended:
        leader = await patiently(partial(_leader, now, stores, reads))
        former, behind = behind, job.id if leader is None else leader.id
        told = await patiently(partial(_news, job, former, behind, last, block_s, stores))
        if told := _to_the_end(told):
            yield told
            last = told[-1].id
            if told[-1].kind == "end":
                return
        block_s = BLOCK_S if leader is None else BEHIND_BLOCK_S
        if leader is not None or not told or any(event.kind == "phase" for event in told):
            now = await patiently(partial(reads.find, stores.jobs, job.id, job.tenant))
    # Whoever ended it may have died before saying so, or is saying so right now.
    if told := _to_the_end(await patiently(partial(_news, job, behind, job.id, last, 0.0, stores))):
        yield told
        last = told[-1].id
        if told[-1].kind == "end":
            return
    end = f"{parse_event_id(last)[0]}-{MADE_UP}"
    yield [Event(id=end, job_id=job.id, kind="end", at=clock(), data=end_of(now))]


def _to_the_end(events: list[Event]) -> list[Event]:
    """Nothing is told behind an end."""
    at = next((number for number, event in enumerate(events) if event.kind == "end"), None)
    return events if at is None else events[: at + 1]


async def _leader(job: Job, stores: Shared, reads: FollowerReads) -> Job | None:
    """Whose video this job waits for."""
    if job.phase is not Phase.QUEUED:
        return None
    return await reads.once(("leader", job.id), partial(leader_of, job, stores))


async def _news(job: Job, former: str, source: str, last: str | None, block_s: float, stores: Shared) -> list[Event]:
    """What the leader so far still had to say, if it is another by now, or else what is new at `source`.

    Ids grow over all jobs, so that behind a leader's last event come those of the next, or the job's own.
    """
    if former != source:
        rest = _told_to(job, former, await stores.events.read(former, last, 0.0))
        if rest:
            return [*rest, *_told_to(job, source, await stores.events.read(source, rest[-1].id, 0.0))]
    return _told_to(job, source, await stores.events.read(source, last, block_s))


def _told_to(job: Job, source: str, events: Sequence[Event]) -> list[Event]:
    if source == job.id:  # the very events that all its followers are given
        return list(events)
    return [replace(event, job_id=job.id) for event in events if _shared(event, job)]


def _shared(event: Event, job: Job) -> bool:
    """Whether a leader's event is told to a job behind it, whose end is its own."""
    return event.kind != "end" and (event.kind != "preview" or job.wishes.preview)
