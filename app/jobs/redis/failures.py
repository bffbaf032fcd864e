"""The newest failures in Redis: a list that every process puts its own before, and that cannot grow."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from app.jobs.failures import KEPT, FailureNote, failure_from_json, failure_to_note
from app.jobs.redis.scripts import Keys
from app.redis.commands import Commands
from app.redis.connection import Client


class RedisFailures:
    """The Failures port. Those that are older than `kept_s` without a newer one are forgotten."""

    def __init__(self, redis: Client, prefix: str, kept_s: float) -> None:
        self._commands = Commands(redis)
        self._key = Keys(prefix).of("failures")
        self._kept_s = kept_s

    async def add(self, note: FailureNote) -> None:
        put = ("LPUSH", self._key, orjson.dumps(failure_to_note(note)))
        trim, expire = ("LTRIM", self._key, 0, KEPT - 1), ("EXPIRE", self._key, max(1, int(self._kept_s)))
        await self._commands.all([put, trim, expire], atomic=True)

    async def recent(self, most: int) -> Sequence[FailureNote]:
        kept = await self._commands.call("LRANGE", self._key, 0, max(0, most) - 1) if most > 0 else []
        return [each for each in map(failure_from_json, kept) if each is not None]
