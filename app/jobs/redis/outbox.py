"""The outbox in Redis: a sorted set beside the job records, filled by the scripts that end jobs."""

from __future__ import annotations

from collections.abc import Sequence

from app.jobs.redis.scripts import Keys
from app.redis.commands import Commands
from app.redis.connection import Client

# KEYS outbox; ARGV now until limit
CLAIM = """
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(due) do redis.call('ZADD', KEYS[1], ARGV[2], id) end
return due
"""


class RedisOutbox:
    """The Outbox port."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._commands = Commands(redis)
        self._key = Keys(prefix).outbox

    async def claim(self, now: float, until: float, limit: int) -> Sequence[str]:
        return [job_id.decode() for job_id in await self._commands.run(CLAIM, [self._key], [now, until, limit])]

    async def put_off(self, job_id: str, until: float) -> None:
        await self._commands.call("ZADD", self._key, "XX", until, job_id)

    async def close(self, job_id: str) -> None:
        await self._commands.call("ZREM", self._key, job_id)

    async def waiting(self, job_ids: Sequence[str]) -> set[str]:
        if not job_ids:
            return set()
        scores = await self._commands.call("ZMSCORE", self._key, *job_ids)
        return {job_id for job_id, score in zip(job_ids, scores, strict=True) if score is not None}

    async def count(self) -> int:
        return int(await self._commands.call("ZCARD", self._key))

    async def due_before(self, at: float) -> int:
        return int(await self._commands.call("ZCOUNT", self._key, "-inf", f"({at}"))
