"""Job records in Redis: the only truth about jobs, shared by all processes and machines."""

from __future__ import annotations

import builtins
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from app.errors import Conflict, IllegalTransition, JobNotFound, LeaseLost, ShardLost, StoreUnavailable, TenantFull
from app.jobs import changes
from app.jobs.admission_limits import UNLIMITED, AdmissionLimits
from app.jobs.changes import Change
from app.jobs.ended_records import EndedRecords
from app.jobs.marks import Among
from app.jobs.record import check_id, job_from_fields, job_to_fields, replica_from_json, replica_to_json
from app.jobs.redis import scripts
from app.jobs.redis.line import RedisLine
from app.jobs.redis.marks import RedisMarks
from app.jobs.redis.places import change_keys, delete_keys
from app.jobs.redis.script_args import change_args, flat
from app.jobs.redis.scripts import Keys
from app.jobs.redis.shards import GUARD, WITHIN, shard_key
from app.jobs.redis.under_way import RedisUnderWay
from app.jobs.redis.waits import RedisWaits, admission_args, admission_keys, refused
from app.jobs.redis.withdrawal import let_in
from app.jobs.shards import ShardLease
from app.jobs.store import CURSOR_KEPT_S, find, free
from app.redis.commands import Commands
from app.redis.connection import Client
from app.redis.replies import Reply, Word, mapping, scored
from app.types import (
    Artifact,
    CacheUse,
    Delivery,
    DraftUse,
    Failure,
    Job,
    Lease,
    Measured,
    Page,
    Phase,
    Plan,
    ReplicaInfo,
)

log = logging.getLogger(__name__)

RETENTION_S = 7 * 86400.0
BATCH = 200  # records read in one round trip
PASSED_ON_MS = 60_000  # a dispatcher that is gone by then needs no news
CHANGE_UNDER = GUARD + WITHIN + scripts.CHANGE
PASS_ON = """
for _, key in ipairs(KEYS) do
  redis.call('DEL', key)
  redis.call('RPUSH', key, '1')
  redis.call('PEXPIRE', key, ARGV[1])
end
"""
MOVES = 4  # times that a job may go into the line or out of it while its priority is changed


class RedisJobs(RedisWaits):
    """The JobStore port. `retention_s` is how long failed and cancelled jobs are kept.

    `masked` gives masks to the plans of records that were written before plans carried theirs.
    """

    def __init__(
        self,
        redis: Client,
        prefix: str,
        retention_s: float = RETENTION_S,
        masked: Callable[[Plan], Plan] | None = None,
    ) -> None:
        super().__init__(Commands(redis), Keys(prefix))
        self._marks = RedisMarks(self._commands, self._keys)
        self._line = RedisLine(self._commands, self._keys, self._read)
        self._under_way = RedisUnderWay(self._commands, self._keys, self._read)
        self._retention_s = retention_s
        self._masked = masked
        self._ended = EndedRecords()

    async def create(self, job: Job, limits: AdmissionLimits = UNLIMITED) -> None:
        """Write a new record; the very same record again is fine. Raises Conflict and what `refusal` makes."""
        keys = self._keys
        names = [keys.job(check_id(job.id)), keys.line, keys.tenant(job.tenant), keys.ended, keys.wake]
        names += [*admission_keys(keys, job, limits), keys.due, keys.unreleased, keys.awaited(job.id)]
        names += [name for each in job.after for name in (keys.job(check_id(each)), keys.dependants(each))]
        names.append(keys.outbox)
        expiry = job.expires_at if job.phase.ended and job.expires_at is not None else ""
        deadline = "" if job.deadline is None else job.deadline
        args: list[Word] = [job.id, job.phase.value, job.created_at, expiry]
        args += [*admission_args(job, limits, pays=True), deadline, len(job.after), *job.after]
        args += flat(job_to_fields(job))
        answer = await let_in(self._commands, keys, scripts.CREATE, names, args, job, limits)
        if answer[0] == b"conflict":
            raise Conflict(f"{job.id} exists already.")
        if answer[0] != b"ok":
            raise refused(answer, job, limits)

    async def get(self, job_id: str, tenant: str | None = None) -> Job:
        kept = mapping(await self._commands.call("HGETALL", self._keys.job(check_id(job_id))))
        if not kept or tenant not in (None, kept[b"tenant"].decode()):
            raise JobNotFound(f"There is no video {job_id}.")
        return self._ended.read(job_id, kept, self._masked)

    async def list(self, tenant: str, after: str | None, limit: int, newest_first: bool) -> Page:
        cursor = "" if after is None else check_id(after)
        keys = [self._keys.tenant(tenant), self._keys.cursor(cursor)]
        answer = await self._commands.run(scripts.LIST, keys, [cursor, limit, int(newest_first), tenant])
        if answer[0] != b"ok":
            raise JobNotFound(f"There is no video {after}.")
        ids = answer[1]
        return Page(tuple(await self._read(ids[:limit])), len(ids) > limit)

    async def mark(
        self,
        job_id: str,
        tenant: str,
        favourite: bool | None = None,
        tags: Sequence[str] | None = None,
        rating: int | None = None,
    ) -> Job:
        return job_from_fields(await self._marks.mark(job_id, tenant, favourite, tags, rating), self._masked)

    async def list_marked(self, tenant: str, among: Among, after: str | None, limit: int, newest_first: bool) -> Page:
        ids = await self._marks.ids(tenant, among, after, limit, newest_first)
        return Page(tuple(await self._read(ids[:limit])), len(ids) > limit)

    async def tags(self, tenant: str) -> Mapping[str, int]:
        return await self._marks.tags(tenant)

    async def delete(self, job_id: str, tenant: str) -> Job:
        answer = await self._commands.run_shared(
            scripts.DELETE, delete_keys(self._keys, job_id, tenant), [job_id, tenant, int(1000 * CURSOR_KEPT_S)]
        )
        if answer[0] != b"ok":
            raise JobNotFound(f"There is no video {job_id}.")
        return job_from_fields(mapping(answer[1]), self._masked)

    async def cancel(self, job_id: str, tenant: str | None, failure: Failure, now: float) -> Job:
        answer = await self._apply(job_id, changes.cancel(failure, now, now + self._retention_s), tenant=tenant)
        if answer[0] == b"illegal":  # it has ended already
            return await self.get(job_id, tenant)
        return self._changed(job_id, answer)

    async def reprioritise(self, job_id: str, tenant: str | None, priority: str) -> Job:
        running = (await self.get(job_id, tenant)).phase is not Phase.QUEUED
        for _ in range(MOVES):
            answer = await self._apply(job_id, changes.reprioritise(priority, running), tenant=tenant)
            if answer[0] != b"illegal" or Phase(answer[1].decode()).ended:
                break
            running = not running  # it was leased, or handed back, in between
        return self._changed(job_id, answer)

    async def lease(
        self,
        job_id: str,
        holder: str,
        ttl_s: float,
        now: float,
        under: ShardLease | None = None,
        most_of_tenant: int | None = None,
    ) -> Lease:
        change = changes.lease(holder, now + ttl_s, now)
        if under is None:
            answer = await self._apply(job_id, change)
        else:
            answer = await self._apply_under(job_id, change, under, most_of_tenant)
        return Lease(job_id, self._changed(job_id, answer).fence, holder, now + ttl_s)

    async def renew(self, leases: Sequence[Lease], ttl_s: float, now: float) -> Sequence[str]:
        if not leases:
            return []
        keys = [self._keys.leases, *(self._keys.job(check_id(lease.job_id)) for lease in leases)]
        args = [now + ttl_s, *(word for lease in leases for word in (lease.job_id, lease.fence))]
        return [job_id.decode() for job_id in await self._commands.run(scripts.RENEW, keys, args)]

    async def advance(
        self, job_id: str, fence: int, phase: Phase, now: float, step: int = 0, eta_s: float | None = None
    ) -> None:
        answer = await self._apply(job_id, changes.advance(phase, step, eta_s), fence)
        self._raise(job_id, answer, fence)

    async def note_cache(self, job_id: str, fence: int, cache: CacheUse) -> None:
        self._raise(job_id, await self._apply(job_id, changes.note_cache(cache), fence), fence)

    async def note_draft(self, job_id: str, fence: int, draft: DraftUse) -> None:
        self._raise(job_id, await self._apply(job_id, changes.note_draft(draft), fence), fence)

    async def note_delivery(self, job_id: str, delivery: Delivery) -> None:
        self._raise(job_id, await self._apply(job_id, changes.note_delivery(delivery)), None)

    async def complete(
        self, job_id: str, fence: int, artifacts: dict[str, Artifact], measured: Measured, now: float, expires_at: float
    ) -> Job:
        """Close a job as completed; closing it again under the same fence returns it as it is."""
        return await self._close(job_id, fence, changes.complete(artifacts, measured, now, expires_at))

    async def fail(self, job_id: str, fence: int, failure: Failure, now: float) -> Job:
        """Close a job as failed; closing it again under the same fence returns it as it is."""
        return await self._close(job_id, fence, changes.fail(failure, now, now + self._retention_s))

    async def requeue(
        self, job_id: str, fence: int, now: float, lost: bool = False, not_before: float | None = None
    ) -> Job:
        answer = await self._apply(job_id, changes.requeue(lost, not_before), fence)
        return self._changed(job_id, answer, fence)

    async def recover(self, job: Job) -> bool:
        kept = await find(self, job.id)
        if kept is None:
            known = [await find(self, each) for each in job.after]
            await self.create(job if all(known) else free(job))
            return True
        if kept.phase.ended:
            return False
        self._raise(job.id, await self._apply(job.id, changes.recover(job)), None)
        return True

    async def waiting(self) -> Sequence[Job]:
        return await self._line.waiting()

    async def leased(self) -> Sequence[tuple[Lease, Job]]:
        return await self._under_way.leased()

    async def leases(self) -> Sequence[Lease]:
        found = scored(await self._commands.call("ZRANGE", self._keys.leases, 0, -1, "WITHSCORES"))
        rows = [(member.decode(), until) for member, until in found]
        reads = [("HMGET", self._keys.job(job_id), "fence", "holder") for job_id, _ in rows]
        kept = await self._commands.all(reads) if reads else []
        return [
            Lease(job_id, int(fence), holder.decode(), until)
            for (job_id, until), (fence, holder) in zip(rows, kept, strict=True)
            if fence is not None and holder is not None
        ]

    async def position(self, job_id: str) -> int | None:
        place: int | None = await self._commands.call("ZRANK", self._keys.line, check_id(job_id))
        return place

    async def wait_for_work(self, timeout_s: float, name: str = "", others: Sequence[str] = ()) -> bool:
        keys = self._keys
        if timeout_s <= 0 and not name:
            return await self._commands.call("LPOP", keys.wake) is not None
        names = [keys.wake, *([keys.of("wake", name)] if name else [])]
        found = await self._commands.wait(timeout_s, "BLPOP", *names, f"{max(0.001, timeout_s):.3f}")
        if found is not None and found[0].decode() == keys.wake and others:
            await self._commands.run(PASS_ON, [keys.of("wake", each) for each in others], [PASSED_ON_MS])
        return found is not None

    async def announce(self, replica: ReplicaInfo, ttl_s: float) -> None:
        names, note = self._keys.of("replicas"), self._keys.of("replica", replica.replica)
        put = ("SET", note, replica_to_json(replica), "PX", max(1, int(1000 * ttl_s)))
        await self._commands.all([("SADD", names, replica.replica), put])

    async def replicas(self) -> Sequence[ReplicaInfo]:
        names = sorted(name.decode() for name in await self._commands.call("SMEMBERS", self._keys.of("replicas")))
        if not names:
            return []
        notes = await self._commands.call("MGET", *(self._keys.of("replica", name) for name in names))
        silent = [name for name, note in zip(names, notes, strict=True) if note is None]
        if silent:  # one that speaks again adds itself again
            await self._commands.call("SREM", self._keys.of("replicas"), *silent)
        found = [replica_from_json(note) for note in notes if note is not None]
        return [replica for replica in found if replica is not None]

    async def expired(self, now: float, limit: int) -> Sequence[Job]:
        ids = await self._commands.call("ZRANGEBYSCORE", self._keys.ended, "-inf", now, "LIMIT", 0, limit)
        return await self._read(ids)

    async def ended(self, after: tuple[float, str] | None, limit: int) -> Sequence[Job]:
        start = 0
        if after is not None:
            rank = await self._commands.call("ZRANK", self._keys.ended, check_id(after[1]))
            start = (
                await self._commands.call("ZCOUNT", self._keys.ended, "-inf", after[0]) if rank is None else rank + 1
            )
        return await self._read(await self._commands.call("ZRANGE", self._keys.ended, start, start + limit - 1))

    async def any(self) -> bool:
        """Whether jobs or storyboards are under way or on record. Raises StoreUnavailable."""
        keys = self._keys
        places = [keys.line, keys.leases, keys.blocked, keys.ended, keys.of("story_due"), keys.of("story_ended")]
        return bool(await self._commands.call("EXISTS", *places))

    async def ping(self) -> float:
        start = time.perf_counter()
        await self._commands.call("PING")
        return time.perf_counter() - start

    def _places(self, job_id: str) -> Sequence[str]:
        return change_keys(self._keys, job_id)

    async def _apply(self, job_id: str, change: Change, fence: int | None = None, tenant: str | None = None) -> Reply:
        """What ends a job or moves its fence is not to be undone by a failover: two attempts would share a fence."""
        args = change_args(job_id, change, fence, tenant)
        lasting = change.new_fence or (change.phase is not None and change.phase.ended)
        run = self._commands.run_shared if lasting else self._commands.run
        answer: Reply = await run(scripts.CHANGE, self._places(job_id), args)
        return answer

    async def _apply_under(self, job_id: str, change: Change, under: ShardLease, most: int | None) -> Reply:
        names = [*self._places(job_id), self._keys.running, shard_key(self._keys, under.shard)]
        args = [*change_args(job_id, change, None, None), "" if most is None else most, under.token]
        answer: Reply = await self._commands.run_shared(CHANGE_UNDER, names, args)
        if answer[0] == b"deposed":
            raise ShardLost(f"{under.holder} has {under.shard} no more.")
        if answer[0] == b"tenant_full":
            raise TenantFull(f"The tenant of {job_id} holds {most} leases.")
        return answer

    async def _close(self, job_id: str, fence: int, change: Change) -> Job:
        answer = await self._apply(job_id, change, fence)
        if answer[0] == b"illegal" and change.phase is not None and answer[1].decode() == change.phase.value:
            return await self.get(job_id)  # closed by an earlier try of the same attempt
        return self._changed(job_id, answer, fence)

    def _changed(self, job_id: str, answer: Reply, fence: int | None = None) -> Job:
        self._raise(job_id, answer, fence)
        return job_from_fields(mapping(answer[1]), self._masked)

    @staticmethod
    def _raise(job_id: str, answer: Reply, fence: int | None) -> None:
        if answer[0] == b"lost" or (answer[0] == b"missing" and fence is not None):
            raise LeaseLost(f"{job_id} has moved on from fence {fence}.")
        if answer[0] == b"missing":
            raise JobNotFound(f"There is no video {job_id}.")
        if answer[0] == b"illegal":
            raise IllegalTransition(f"{job_id} is {answer[1].decode()}.")

    async def _read(self, ids: Sequence[bytes]) -> Sequence[Job]:
        """The records that are still there, in order; one that cannot be read does not hold up the others."""
        found: builtins.list[Job] = []
        for start in range(0, len(ids), BATCH):
            reads = [("HGETALL", self._keys.job(job_id.decode())) for job_id in ids[start : start + BATCH]]
            for job_id, kept in zip(ids[start:], await self._commands.all(reads), strict=False):
                try:
                    found.extend([job_from_fields(mapping(kept), self._masked)] if kept else [])
                except StoreUnavailable as error:
                    log.error("Passed over %s: %s", job_id.decode(), error)
        return found
