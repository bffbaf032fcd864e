"""Dependencies, limits and idempotency keys in Redis; the scripts that write jobs keep them in the same step."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import KinorayError
from app.jobs.admission_limits import (
    BUCKETS,
    AdmissionLimits,
    IdempotencyKey,
    Usage,
    bucket,
    free_in_s,
    key_name,
    refusal,
    refuse_another,
    refused_by,
    spent,
)
from app.jobs.quotas import Held, Standing, quotas_of
from app.jobs.record import check_id
from app.jobs.redis.quota_scripts import book_of, window_of
from app.jobs.redis.scripts import ADMISSION, WAKE, Keys
from app.redis.commands import Commands
from app.redis.replies import Reply, Word, mapping, texts
from app.types import Job

# KEYS job line blocked awaited dependants wake due; ARGV id awaited
RELEASE = (
    WAKE
    + """
redis.call('SREM', KEYS[5], ARGV[1])
redis.call('SREM', KEYS[4], ARGV[2])
if redis.call('EXISTS', KEYS[4]) == 1 or redis.call('ZREM', KEYS[3], ARGV[1]) == 0 then return end
redis.call('ZREM', KEYS[7], ARGV[1])
local kept = redis.call('HMGET', KEYS[1], 'phase', 'created_at')
if kept[1] == 'queued' then
  redis.call('ZADD', KEYS[2], kept[2], ARGV[1])
  wake(KEYS[6])
end
"""
)

# KEYS dependants unreleased; ARGV id
MARK_RELEASED = "if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], ARGV[1]) end"

# KEYS and ARGV of ADMISSION
ADMISSIBLE = ADMISSION + "return refused(1, 1, true) or {'ok'}"


class RedisWaits:
    """The Waits port, as a part of RedisJobs."""

    def __init__(self, commands: Commands, keys: Keys) -> None:
        self._commands = commands
        self._keys = keys

    async def awaited(self, job_id: str) -> Sequence[str]:
        return sorted(texts(await self._commands.call("SMEMBERS", self._keys.awaited(check_id(job_id)))))

    async def unreleased(self, limit: int) -> Sequence[str]:
        return texts(await self._commands.call("SRANDMEMBER", self._keys.unreleased, limit))

    async def dependants(self, job_id: str, limit: int) -> Sequence[str]:
        return texts(await self._commands.call("SRANDMEMBER", self._keys.dependants(check_id(job_id)), limit))

    async def release(self, job_id: str, awaited: str) -> None:
        keys = self._keys
        names = [keys.job(check_id(job_id)), keys.line, keys.blocked, keys.awaited(job_id)]
        names += [keys.dependants(check_id(awaited)), keys.wake, keys.due]
        await self._commands.run(RELEASE, names, [job_id, awaited])

    async def mark_released(self, job_id: str) -> None:
        keys = [self._keys.dependants(check_id(job_id)), self._keys.unreleased]
        await self._commands.run(MARK_RELEASED, keys, [job_id])

    async def answered(self, key: IdempotencyKey, tenant: str) -> str | None:
        kept = await self._commands.call("HMGET", self._keys.idempotency_key(key_name(tenant, key.value)), "body", "id")
        if kept[0] is None:
            return None
        refuse_another(kept[0].decode(), key.digest)
        await self._commands.confirm()  # who wrote it may have been refused since
        return str(kept[1].decode())

    async def check(self, job: Job, limits: AdmissionLimits) -> None:
        answer = await self._commands.run(
            ADMISSIBLE,
            admission_keys(self._keys, job, limits),
            admission_args(job, limits, pays=True),
        )
        if answer[0] != b"ok":
            raise refused(answer, job, limits)

    async def usage(self, tenant: str, limits: AdmissionLimits, now: float) -> Usage:
        keys = self._keys
        reads = [("HGET", keys.open, tenant), ("HGET", keys.running, tenant), ("HGETALL", keys.spent(tenant))]
        open_jobs, running, buckets = await self._commands.all(reads)
        asked = round(spent(_buckets(buckets), now, limits), 3)
        return Usage(int(open_jobs or 0), int(running or 0), asked)

    async def quotas(self, held: Sequence[Held], now: float) -> Sequence[Standing]:
        found = list(quotas_of(held, now))
        if not found:
            return ()
        used = await self._commands.call("HMGET", self._keys.quotas, *(name for _, name in found))
        return tuple(each._replace(used=float(sum_ or 0)) for (each, _), sum_ in zip(found, used, strict=True))


def admission_keys(keys: Keys, job: Job, limits: AdmissionLimits) -> list[str]:
    """The keys of `scripts.ADMISSION`."""
    key = limits.idempotency_key
    used = keys.idempotency_key(key_name(job.tenant, key.value)) if key else keys.open
    return [used, keys.open, keys.spent(job.tenant), keys.line, keys.blocked, keys.quotas]


def admission_args(job: Job, limits: AdmissionLimits, pays: bool) -> list[Word]:
    """The arguments of `scripts.ADMISSION`; `pays`: the job is charged what it costs now."""
    key = limits.idempotency_key
    most = (limits.most_open, limits.most_waiting, limits.most_spent)
    return [
        job.tenant,
        key.digest if key else "",
        max(1, int(1000 * key.ttl_s)) if key else 0,
        *("" if each is None else each for each in most),
        job.plan.estimate.step_seconds if pays else 0.0,
        bucket(job.created_at, limits),
        BUCKETS,
        job.id,
        window_of(job, limits),
        book_of(job, limits, pays),
    ]


def refused(answer: Reply, job: Job, limits: AdmissionLimits) -> KinorayError:
    """The error for what `scripts.ADMISSION` found."""
    word = answer[0].decode()
    if word in ("seats", "quota"):
        return refused_by(word, answer[1].decode(), job.created_at)
    if word == "spent":
        wait_s = free_in_s(_buckets(answer[1]), job.plan.estimate.step_seconds, job.created_at, limits)
        return refusal(word, retry_after_s=wait_s)
    return refusal(word, answer[1].decode() if len(answer) > 1 else "")


def _buckets(reply: object) -> dict[int, float]:
    return {int(place): float(amount) for place, amount in mapping(reply).items()}
