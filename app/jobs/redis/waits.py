"""Dependencies, limits and idempotency keys in Redis; the scripts that write jobs keep them in the same step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.errors import KinorayError
from app.jobs.entrance import BUCKETS, Entrance, Once, Usage, bucket, free_in_s, key_name, refusal, spent
from app.jobs.record import check_id
from app.jobs.redis.script_args import mapping
from app.jobs.redis.scripts import WAKE, Keys
from app.redis.commands import Commands
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

# KEYS dependants heard; ARGV id
UNHEARD = "if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], ARGV[1]) end"


class RedisWaits:
    """The Waits port, as a part of RedisJobs."""

    def __init__(self, commands: Commands, keys: Keys) -> None:
        self._commands = commands
        self._keys = keys

    async def awaited(self, job_id: str) -> Sequence[str]:
        return sorted(_words(await self._commands.call("SMEMBERS", self._keys.awaited(check_id(job_id)))))

    async def heard(self, limit: int) -> Sequence[str]:
        return _words(await self._commands.call("SRANDMEMBER", self._keys.heard, limit))

    async def dependants(self, job_id: str, limit: int) -> Sequence[str]:
        return _words(await self._commands.call("SRANDMEMBER", self._keys.dependants(check_id(job_id)), limit))

    async def release(self, job_id: str, awaited: str) -> None:
        keys = self._keys
        names = [keys.job(check_id(job_id)), keys.line, keys.blocked, keys.awaited(job_id)]
        names += [keys.dependants(check_id(awaited)), keys.wake, keys.due]
        await self._commands.run(RELEASE, names, [job_id, awaited])

    async def unheard(self, job_id: str) -> None:
        await self._commands.run(UNHEARD, [self._keys.dependants(check_id(job_id)), self._keys.heard], [job_id])

    async def answered(self, once: Once, tenant: str) -> str | None:
        kept = await self._commands.call("HMGET", self._keys.once(key_name(tenant, once.key)), "body", "id")
        if kept[0] is None:
            return None
        if kept[0].decode() != once.body:
            raise refusal("reused")
        return str(kept[1].decode())

    async def usage(self, tenant: str, entrance: Entrance, now: float) -> Usage:
        keys = self._keys
        reads = [("HGET", keys.open, tenant), ("HGET", keys.running, tenant), ("HGETALL", keys.spent(tenant))]
        open_jobs, running, buckets = await self._commands.all(reads)
        asked = round(spent(_buckets(buckets), now, entrance), 3)
        return Usage(int(open_jobs or 0), int(running or 0), asked)


def entrance_keys(keys: Keys, job: Job, entrance: Entrance) -> list[str]:
    """The keys of `scripts.ENTRANCE`."""
    once = keys.once(key_name(job.tenant, entrance.once.key)) if entrance.once else keys.open
    return [once, keys.open, keys.spent(job.tenant), keys.line, keys.blocked]


def entrance_words(job: Job, entrance: Entrance, amount: float) -> list[Any]:
    """The arguments of `scripts.ENTRANCE` and how long, in milliseconds, what was spent is kept."""
    once = entrance.once
    limits = (entrance.most_open, entrance.most_waiting, entrance.most_spent)
    return [
        job.tenant,
        once.body if once else "",
        max(1, int(1000 * once.ttl_s)) if once else 0,
        *("" if limit is None else limit for limit in limits),
        amount,
        bucket(job.created_at, entrance),
        BUCKETS,
        job.id,
        int(1000 * (entrance.window_s + entrance.bucket_s)),
    ]


def refused(answer: Sequence[Any], job: Job, entrance: Entrance) -> KinorayError:
    """The error for what `scripts.ENTRANCE` found."""
    word = answer[0].decode()
    if word == "spent":
        wait_s = free_in_s(_buckets(answer[1]), job.plan.estimate.step_seconds, job.created_at, entrance)
        return refusal(word, retry_after_s=wait_s)
    return refusal(word, answer[1].decode() if len(answer) > 1 else "")


def _buckets(answer: Any) -> dict[int, float]:
    return {int(place): float(amount) for place, amount in mapping(answer).items()}


def _words(answer: Any) -> list[str]:
    return [word.decode() for word in answer]
