"""Jobs, events and stop signals in this process: for tests and tools, with the same rules as those in Redis."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

import orjson

from app.errors import Conflict, IllegalTransition, JobNotFound, LeaseLost, TenantFull
from app.jobs import changes
from app.jobs.admission_limits import UNLIMITED, AdmissionLimits
from app.jobs.changes import Change
from app.jobs.events import BATCH, MOST_ENTRIES, MOST_SHARED, TENANT_KEPT, Entries, Resumption, resumption
from app.jobs.marks import Among
from app.jobs.memory_marks import counted, marked
from app.jobs.memory_news import Bell, News
from app.jobs.memory_waits import MemoryWaits
from app.jobs.record import check_id, parse_event_id
from app.jobs.shards import MemoryShards, ShardLease
from app.jobs.store import CURSOR_KEPT_S, free
from app.types import (
    Artifact,
    CacheUse,
    Delivery,
    DraftUse,
    Event,
    Failure,
    Job,
    Lease,
    Measured,
    Page,
    Phase,
    ReplicaInfo,
)
from app.types.changed import changed

RETENTION_S = 7 * 86400.0
EVENTS_KEPT = 1000


class MemoryJobs(MemoryWaits):
    """The JobStore port; `retention_s` is how long failed and cancelled jobs are kept."""

    def __init__(self, retention_s: float = RETENTION_S, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._retention_s = retention_s
        self._clock = clock
        self._leases: dict[str, Lease] = {}
        self._replicas: dict[str, tuple[float, ReplicaInfo]] = {}
        self._gone: dict[str, tuple[float, Job]] = {}  # deleted jobs that a page may go on behind, and until when
        self._news_of = {"": Bell()}  # by name of who sleeps until there is work
        self.shards = MemoryShards(clock)  # shared with MemoryBoard
        # Shared with MemoryFlights: which digest a job makes or waits for, what is to resolve.
        self.flights: dict[str, str] = {}
        self.unresolved: dict[str, float] = {}
        self.outbox: dict[str, float] = {}  # shared with MemoryOutbox: when an ended job's webhook may be told

    async def create(self, job: Job, limits: AdmissionLimits = UNLIMITED) -> None:
        """Write a new record; the very same record again is fine. Raises Conflict and what `refusal` makes."""
        self.put(job, limits, pays=True)

    def put(self, job: Job, limits: AdmissionLimits, pays: bool, owes: bool = True) -> None:
        """As `create`; `pays` and `owes` as for `enter`."""
        kept = self._jobs.get(check_id(job.id))
        if kept is not None and kept != job:
            raise Conflict(f"{job.id} exists already.")
        if kept is None:
            self.enter(job, limits, pays, owes)
            self._jobs[job.id] = job
            self._tell(job)
        if not job.phase.ended or job.id in self.outbox:  # of what is made already there is nothing to decide
            self._wake()

    async def get(self, job_id: str, tenant: str | None = None) -> Job:
        job = self._jobs.get(check_id(job_id))
        if job is None or tenant not in (None, job.tenant):
            raise JobNotFound(f"There is no video {job_id}.")
        return job

    async def list(self, tenant: str, after: str | None, limit: int, newest_first: bool) -> Page:
        return await self.list_marked(tenant, Among(), after, limit, newest_first)

    async def list_marked(self, tenant: str, among: Among, after: str | None, limit: int, newest_first: bool) -> Page:
        found = (job for job in self._jobs.values() if job.tenant == tenant and among.takes(job))
        mine = sorted(found, key=_place, reverse=newest_first)
        if after is not None:
            cursor = _place(await self._listed(after, tenant))
            mine = [job for job in mine if (_place(job) < cursor if newest_first else _place(job) > cursor)]
        return Page(tuple(mine[:limit]), len(mine) > limit)

    async def mark(
        self,
        job_id: str,
        tenant: str,
        favourite: bool | None = None,
        tags: Sequence[str] | None = None,
        rating: int | None = None,
    ) -> Job:
        job = await self.get(job_id, tenant)
        self._jobs[job_id] = now = marked(job, favourite, tags, rating, await self.tags(tenant))
        return now

    async def tags(self, tenant: str) -> Mapping[str, int]:
        return counted([job for job in self._jobs.values() if job.tenant == tenant])

    async def _listed(self, job_id: str, tenant: str) -> Job:
        """A job that is, or not long ago was, in the tenant's list. Raises JobNotFound."""
        until, gone = self._gone.get(check_id(job_id), (0.0, None))
        if gone is not None and gone.tenant == tenant and until > self._clock():
            return gone
        return await self.get(job_id, tenant)

    async def delete(self, job_id: str, tenant: str) -> Job:
        job = await self.get(job_id, tenant)
        self.end(job, "unstarted")
        del self._jobs[job_id]
        now = self._clock()
        while self._gone and next(iter(self._gone.values()))[0] <= now:  # the oldest is the first
            del self._gone[next(iter(self._gone))]
        self._gone[job_id] = (now + CURSOR_KEPT_S, job)
        self._leases.pop(job_id, None)
        self.outbox.pop(job_id, None)
        self.aside.discard(job_id)
        self._mark(job_id, 0.0)
        self.flights.pop(job_id, None)
        self.leave(job_id)
        self._wake()
        return job

    async def cancel(self, job_id: str, tenant: str | None, failure: Failure, now: float) -> Job:
        job = await self.get(job_id, tenant)
        if job.phase.ended:
            return job
        return self.apply(job, changes.cancel(failure, now, now + self._retention_s))

    async def reprioritise(self, job_id: str, tenant: str | None, priority: str) -> Job:
        job = await self.get(job_id, tenant)
        return self.apply(job, changes.reprioritise(priority, job.phase is not Phase.QUEUED))

    async def lease(
        self,
        job_id: str,
        holder: str,
        ttl_s: float,
        now: float,
        under: ShardLease | None = None,
        most_of_tenant: int | None = None,
    ) -> Lease:
        job = await self.get(job_id)
        self.shards.check(under)
        if under is not None and most_of_tenant is not None and self._running(job.tenant) >= most_of_tenant:
            raise TenantFull(f"{job.tenant} holds {most_of_tenant} leases.")
        if job_id in self.aside:
            raise IllegalTransition(f"{job_id} is not in the line.")
        self.apply(job, changes.lease(holder, now + ttl_s, now))
        return self._leases[job_id]

    def _running(self, tenant: str) -> int:
        return sum(self._jobs[job_id].tenant == tenant for job_id in self._leases)

    async def renew(self, leases: Sequence[Lease], ttl_s: float, now: float) -> Sequence[str]:
        lost = []
        for lease in leases:
            job = self._jobs.get(lease.job_id)
            if job is None or job.fence != lease.fence:
                lost.append(lease.job_id)
            elif lease.job_id in self._leases:
                self._leases[lease.job_id] = replace(self._leases[lease.job_id], until=now + ttl_s)
        return lost

    async def advance(
        self, job_id: str, fence: int, phase: Phase, now: float, step: int = 0, eta_s: float | None = None
    ) -> None:
        self.apply(self._held(job_id, fence), changes.advance(phase, step, eta_s))

    async def note_cache(self, job_id: str, fence: int, cache: CacheUse) -> None:
        self.apply(self._held(job_id, fence), changes.note_cache(cache))

    async def note_draft(self, job_id: str, fence: int, draft: DraftUse) -> None:
        self.apply(self._held(job_id, fence), changes.note_draft(draft))

    async def note_delivery(self, job_id: str, delivery: Delivery) -> None:
        self.apply(await self.get(job_id), changes.note_delivery(delivery))

    async def complete(
        self, job_id: str, fence: int, artifacts: dict[str, Artifact], measured: Measured, now: float, expires_at: float
    ) -> Job:
        """Close a job as completed; closing it again under the same fence returns it as it is."""
        return self._close(self._held(job_id, fence), changes.complete(artifacts, measured, now, expires_at))

    async def fail(self, job_id: str, fence: int, failure: Failure, now: float) -> Job:
        """Close a job as failed; closing it again under the same fence returns it as it is."""
        return self._close(self._held(job_id, fence), changes.fail(failure, now, now + self._retention_s))

    async def requeue(
        self, job_id: str, fence: int, now: float, lost: bool = False, not_before: float | None = None
    ) -> Job:
        return self.apply(self._held(job_id, fence), changes.requeue(lost, not_before))

    async def recover(self, job: Job) -> bool:
        kept = self._jobs.get(check_id(job.id))
        if kept is None:
            await self.create(job if all(each in self._jobs for each in job.after) else free(job))
            return True
        if kept.phase.ended:
            return False
        self.apply(kept, changes.recover(job))
        return True

    async def waiting(self) -> Sequence[Job]:
        line = (job for job in self._jobs.values() if job.phase is Phase.QUEUED and job.id not in self.aside)
        return sorted(line, key=_place)

    async def leases(self) -> Sequence[Lease]:
        return sorted(self._leases.values(), key=lambda lease: lease.until)

    async def leased(self) -> Sequence[tuple[Lease, Job]]:
        return [(lease, self._jobs[lease.job_id]) for lease in await self.leases() if lease.job_id in self._jobs]

    async def position(self, job_id: str) -> int | None:
        line = [job.id for job in await self.waiting()]
        return line.index(job_id) if check_id(job_id) in line else None

    async def wait_for_work(self, timeout_s: float, name: str = "", others: Sequence[str] = ()) -> bool:
        news = self._news_of.setdefault(name, Bell())
        woken = await news.wait(timeout_s)
        news.clear()
        return woken

    def _wake(self) -> None:
        for news in self._news_of.values():
            news.set()

    async def announce(self, replica: ReplicaInfo, ttl_s: float) -> None:
        self._replicas[replica.replica] = (self._clock() + ttl_s, replica)

    async def replicas(self) -> Sequence[ReplicaInfo]:
        now = self._clock()
        return [replica for until, replica in self._replicas.values() if until > now]

    async def expired(self, now: float, limit: int) -> Sequence[Job]:
        gone = [job for job in self._jobs.values() if job.phase.ended and (job.expires_at or now + 1) <= now]
        return sorted(gone, key=lambda job: job.expires_at or now)[:limit]

    async def ended(self, after: tuple[float, str] | None, limit: int) -> Sequence[Job]:
        placed = {(job.expires_at or 0.0, job.id): job for job in self._jobs.values() if job.phase.ended}
        return [placed[place] for place in sorted(placed) if after is None or place > after][:limit]

    async def ping(self) -> float:
        return 0.0

    def _held(self, job_id: str, fence: int) -> Job:
        job = self._jobs.get(check_id(job_id))
        if job is None or job.fence != fence:
            raise LeaseLost(f"{job_id} has moved on from fence {fence}.")
        return job

    def _close(self, job: Job, change: Change) -> Job:
        return job if job.phase is change.phase else self.apply(job, change)

    def _mark(self, job_id: str, resolve_at: float) -> None:
        if job_id in self.flights:
            self.unresolved[self.flights[job_id]] = resolve_at

    def _tell(self, job: Job) -> None:
        if job.webhook is not None and job.webhook.wants(job.phase):
            self.outbox[job.id] = 0.0

    def find(self, job_id: str | None) -> Job | None:
        """The record, if it is there."""
        return None if job_id is None else self._jobs.get(job_id)

    def apply(self, job: Job, change: Change) -> Job:
        """Write a change. Raises IllegalTransition."""
        if job.phase not in change.sources:
            raise IllegalTransition(f"{job.id} is {job.phase}.")
        self.end(job, change.gives_back)
        self.accounts.store(job, change.stored_bytes, change.values.get("completed_at", 0.0))
        moved: dict[str, Any] = {
            "phase": change.phase or job.phase,
            "step": max(job.step, change.step),
            "fence": job.fence + change.new_fence,
            "attempts": job.attempts + change.new_attempt,
            "losses": job.losses + change.new_loss,
        }
        self._jobs[job.id] = now = changed(job, **{**moved, **change.values})
        if change.holder is not None and change.until is not None:
            self._leases[job.id] = Lease(job.id, now.fence, change.holder, change.until)
        elif now.phase is Phase.QUEUED or now.phase.ended:
            self._leases.pop(job.id, None)
        if change.phase is not None and now.phase.ended:
            self._tell(now)
            self.aside.discard(job.id)
            self._mark(job.id, change.resolve_at)
            self.leave(job.id)
        if change.wakes:
            self.wake()
        return now

    def wake(self) -> None:
        """The dispatcher has something to decide."""
        self._wake()


def _place(job: Job) -> tuple[float, str]:
    return job.created_at, job.id


class MemoryEvents:
    """The EventLog port; keeps the last `limit` events of each job and `tenant_limit` of each tenant.

    Fences and tenants are those of `jobs`; without, nothing is fenced and a tenant hears what it is told itself.
    """

    def __init__(
        self, limit: int = EVENTS_KEPT, jobs: MemoryJobs | None = None, tenant_limit: int = TENANT_KEPT
    ) -> None:
        self._jobs = jobs
        self._tenant_limit = tenant_limit
        self._logs: dict[str, deque[Event]] = defaultdict(lambda: deque(maxlen=limit))
        self._tenants: dict[str, deque[Event]] = defaultdict(lambda: deque(maxlen=tenant_limit))
        self._accounts: dict[str, dict[str, bytes]] = {}
        self._count = 0
        self._told = 0
        self._news_of_jobs, self._news_of_tenants = News(), News()

    async def append(
        self,
        job_id: str,
        kind: str,
        at: float,
        data: dict[str, Any],
        fence: int | None = None,
        entries: Entries | None = None,
    ) -> str:
        job = self._jobs.find(check_id(job_id)) if self._jobs is not None else None
        if fence is not None and self._jobs is not None and (job is None or job.fence != fence):
            raise LeaseLost(f"{job_id} has moved on from fence {fence}.")
        if kind == "end" and fence is not None and job is not None and not job.phase.ended:
            raise LeaseLost(f"{job_id} has not ended.")
        self._count += 1
        event = Event(f"{self._count}-0", check_id(job_id), kind, at, data)
        self._logs[job_id].append(event)
        self._keep(job_id, entries)
        for heir in () if job is None else (job, *self._behind_job(job.id, kind)):
            await self.tell_tenant(heir.tenant, heir.id, kind, at, data)
        self._news_of_jobs.tell(job_id)
        return event.id

    async def append_each(self, kind: str, at: float, data: Mapping[str, dict[str, Any]]) -> None:
        for job_id, said in data.items():
            await self.append(job_id, kind, at, said)

    async def read(self, job_id: str, after: str | None, block_s: float) -> Sequence[Event]:
        check_id(job_id)
        return await self._behind(self._logs, self._news_of_jobs, job_id, after, block_s)

    async def forget(self, job_id: str) -> None:
        self._logs.pop(check_id(job_id), None)
        self._accounts.pop(job_id, None)

    async def note(self, job_id: str, entries: Entries) -> None:
        self._keep(check_id(job_id), entries)

    async def account(self, job_id: str) -> dict[str, dict[str, Any]]:
        return {name: orjson.loads(entry) for name, entry in self._accounts.get(check_id(job_id), {}).items()}

    def _keep(self, job_id: str, entries: Entries | None) -> None:
        """As JSON would keep them."""
        if not entries:
            return
        kept = self._accounts.setdefault(job_id, {})
        if len(kept) < MOST_ENTRIES:
            kept.update((name, orjson.dumps(entry)) for name, entry in entries.items())

    async def tell_tenant(
        self, tenant: str, job_id: str, kind: str, at: float, data: dict[str, Any], entries: Entries | None = None
    ) -> None:
        self._told += 1
        self._tenants[tenant].append(Event(f"{self._told}-0", check_id(job_id), kind, at, data))
        self._keep(job_id, entries)
        self._news_of_tenants.tell(tenant)

    async def resume_tenant(self, tenant: str, after: str | None) -> Resumption:
        log = self._tenants.get(tenant) or ()
        first, last = (log[0].id, log[-1].id) if log else (None, None)
        return resumption(after, first, last, len(log), self._tenant_limit)

    async def read_tenant(self, tenant: str, after: str, block_s: float) -> Sequence[Event]:
        return (await self._behind(self._tenants, self._news_of_tenants, tenant, after, block_s))[:BATCH]

    def _behind_job(self, job_id: str, kind: str) -> list[Job]:
        """The jobs that wait for this one's video, if it is they who hear."""
        jobs = self._jobs
        digest = jobs.flights.get(job_id) if jobs is not None and job_id not in jobs.aside else None
        if jobs is None or digest is None or kind == "end":
            return []
        others = (jobs.find(other) for other in jobs.aside if jobs.flights.get(other) == digest)
        return [job for job in others if job is not None][:MOST_SHARED]

    async def _behind(
        self, logs: Mapping[str, Sequence[Event]], news: News, name: str, after: str | None, block_s: float
    ) -> list[Event]:
        last, loop = parse_event_id(after), asyncio.get_running_loop()
        until = loop.time() + block_s
        while not (found := _newer(logs.get(name, ()), last)) and (left_s := until - loop.time()) > 0:
            await news.wait(name, left_s)
        return found


def _newer(events: Sequence[Event], last: tuple[int, int]) -> list[Event]:
    """From the end, which is where most of those who follow are; ids grow."""
    found = list(takewhile(lambda event: parse_event_id(event.id) > last, reversed(events)))
    return found[::-1]


class MemoryStops:
    """The StopSignals port."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[str]] = set()

    async def send(self, job_id: str) -> None:
        for queue in self._listeners:
            queue.put_nowait(check_id(job_id))

    async def listen(self) -> AsyncIterator[str]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)
