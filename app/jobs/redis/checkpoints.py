"""Checkpoints in Redis, checked against the fence of the job's record; the scripts that end a job drop them."""

from __future__ import annotations

from app.errors import LeaseLost
from app.jobs.record import check_id
from app.jobs.redis import scripts
from app.jobs.redis.scripts import Keys
from app.redis.commands import Commands
from app.redis.connection import Client

KEPT_S = 7 * 86400.0


class RedisCheckpoints:
    """The Checkpoints port. `kept_s` bounds how long one outlives a job that nobody ends."""

    def __init__(self, redis: Client, prefix: str, kept_s: float = KEPT_S) -> None:
        self._commands = Commands(redis)
        self._keys = Keys(prefix)
        self._kept_ms = int(1000 * kept_s)

    async def put(self, job_id: str, fence: int, data: bytes) -> None:
        keys = [self._keys.job(check_id(job_id)), self._keys.checkpoint(job_id)]
        if await self._commands.run(scripts.KEEP, keys, [fence, self._kept_ms, data]) != b"ok":
            raise LeaseLost(f"{job_id} has moved on from fence {fence}.")

    async def get(self, job_id: str) -> bytes | None:
        data: bytes | None = await self._commands.call("GET", self._keys.checkpoint(check_id(job_id)))
        return data
