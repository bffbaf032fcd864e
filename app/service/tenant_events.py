"""What happens to all of a tenant's jobs, as it happens: for a page or a program that follows more than one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from cachetools import LRUCache

from app.jobs.events import BATCH, Resumption
from app.jobs.store import JobStore
from app.jobs.storyboards.store import STORY
from app.service.follower_reads import FollowerReads, patiently
from app.service.ports import Shared
from app.types import Event, Job

BLOCK_S = 5.0  # how long one wait for the next event lasts
LOOKED_AT = 100  # of the newest jobs, those that have not ended are told first
KNOWN = 4096  # jobs that one follower has been told of; of one that is forgotten the record is told again
CREATED = "created"  # the kind that a tenant's log has for a job that was accepted
STORYBOARD = "storyboard"  # the kind that a follower is told of that


@dataclass(frozen=True, slots=True)
class News:
    """One thing that is told: `ready`, a `snapshot` (with `job`, the record), or an event of the job `job_id`.

    Of a `storyboard` that has changed `job_id` is its id.

    `id` is what a follower names to go on behind it; None where something with the same id is still to be told.
    """

    kind: str
    at: float
    id: str | None = None
    job_id: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
    job: Job | None = None


async def follow_tenant(
    tenant: str, after: str | None, stores: Shared, clock: Callable[[], float], reads: FollowerReads
) -> AsyncGenerator[News, None]:
    """Without end: `ready`, then what happened behind `after` and what happens; of each job the record comes first.

    Without `after`, or when what came behind it is lost (`ready` says so with `whole`), the records of jobs under way
    are told and then what happens from now on. So it goes on too when a follower is so slow that the log is trimmed
    under it. Raises StoreUnavailable when it stays away.
    """
    known: LRUCache[str, bool] = LRUCache(KNOWN)  # whether previews were wished for
    while True:
        place = await patiently(partial(_place, tenant, after, stores, reads))
        after = place.id if after is not None and place.whole else None
        last = place.id
        yield News("ready", clock(), last, data={"whole": place.whole})
        for job in await patiently(partial(_under_way, tenant, stores.jobs, reads)) if after is None else ():
            known[job.id] = job.wishes.preview
            yield News("snapshot", clock(), last, job.id, job=job)
        while True:
            events = await patiently(partial(stores.events.read_tenant, tenant, last, BLOCK_S))
            if len(events) >= BATCH and not (await patiently(partial(_place, tenant, last, stores, reads))).whole:
                after = last
                break
            for each in _with_ids(events):
                async for news in _told(each, tenant, known, stores.jobs, reads, clock):
                    yield news
            last = events[-1].id if events else last


async def _told(
    event: News,
    tenant: str,
    known: LRUCache[str, bool],
    jobs: JobStore,
    reads: FollowerReads,
    clock: Callable[[], float],
) -> AsyncIterator[News]:
    """An event, and before the first of a job its record."""
    if event.kind == STORY:
        yield replace(event, kind=STORYBOARD)
        return
    if event.job_id not in known:
        job = await patiently(partial(reads.find, jobs, event.job_id, tenant))
        if job is not None:
            known[job.id] = job.wishes.preview
            news_id = event.id if event.kind == CREATED else None
            yield News("snapshot", clock(), news_id, job.id, job=job)
        elif event.kind != "end":  # deleted since: its end will say so
            return
    if event.kind == "preview" and not (event.data and known[event.job_id]):
        return
    if event.kind != CREATED:
        yield event


async def _under_way(tenant: str, jobs: JobStore, reads: FollowerReads) -> list[Job]:
    """Of the newest jobs those that have not ended, the oldest first."""
    page = await reads.once(("under way", tenant), partial(jobs.list, tenant, None, LOOKED_AT, True))
    return [job for job in reversed(page.jobs) if not job.phase.ended]


async def _place(tenant: str, after: str | None, stores: Shared, reads: FollowerReads) -> Resumption:
    """Where to go on, and whether the log still reaches back to there: whoever reads full batches may be too slow."""
    return await reads.once(("place", tenant, after), partial(stores.events.resume_tenant, tenant, after))


def _with_ids(events: Sequence[Event]) -> list[News]:
    """The events as news; only the last of one entry names its id, so that nobody goes on in the middle of it."""
    following = [*(event.id for event in events), None][1:]  # none at all after a wait without news
    return [
        News(event.kind, event.at, None if event.id == then else event.id, event.job_id, event.data)
        for event, then in zip(events, following, strict=True)
    ]
