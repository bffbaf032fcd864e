"""Shared notes in Redis: what the dispatcher knows, and which jobs need whose artifacts."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from app.errors import ShardLost
from app.jobs.board import REMOVAL_S
from app.jobs.redis.scripts import Keys
from app.jobs.redis.shards import GUARD, shard_key
from app.jobs.shards import ShardLease
from app.redis.commands import Commands
from app.redis.connection import Client
from app.redis.replies import Word

# As GUARD asks; KEYS note; ARGV value, milliseconds
PUT = (
    GUARD
    + """
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'ok'
"""
)


# KEYS holds going; ARGV who
HOLD = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
return 1
"""

# KEYS holds going; ARGV who, milliseconds
RETIRE = """
redis.call('SREM', KEYS[1], ARGV[1])
if redis.call('SCARD', KEYS[1]) > 0 then return 0 end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
return 1
"""


class RedisBoard:
    """The Board port: notes are strings with a time to live, holds are sets."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._commands = Commands(redis)
        self._keys = Keys(prefix)

    async def put(self, name: str, note: Mapping[str, object], ttl_s: float, under: ShardLease | None = None) -> None:
        key = self._keys.of("note", name)
        if under is not None:
            names = [key, shard_key(self._keys, under.shard)]
            words: list[Word] = [orjson.dumps(dict(note)), _ms(ttl_s)]
            if await self._commands.run(PUT, names, [*words, under.token]) != b"ok":
                raise ShardLost(f"{under.holder} has {under.shard} no more.")
            return
        await self._commands.call("SET", key, orjson.dumps(dict(note)), "PX", _ms(ttl_s))

    async def get(self, name: str) -> dict[str, object] | None:
        kept = await self._commands.call("GET", self._keys.of("note", name))
        note: dict[str, object] | None = None if kept is None else orjson.loads(kept)
        return note

    async def forget(self, name: str) -> None:
        await self._commands.call("DEL", self._keys.of("note", name))

    async def increment(self, name: str, field: str, amount: float) -> dict[str, float]:
        key = self._keys.of("tally", name)
        _, found = await self._commands.all([("HINCRBYFLOAT", key, field, amount), ("HGETALL", key)], atomic=True)
        return _numbers(found)

    async def counters(self, name: str) -> dict[str, float]:
        return _numbers(await self._commands.call("HGETALL", self._keys.of("tally", name)))

    async def put_once(self, name: str, value: str) -> str:
        key = self._keys.of("word", name)
        _, word = await self._commands.all([("SET", key, value, "NX"), ("GET", key)], atomic=True)
        return str(word.decode())

    async def hold(self, origin: str, job_id: str) -> bool:
        return bool(await self._commands.run_shared(HOLD, self._holds(origin), [job_id]))

    async def release(self, origin: str, job_id: str) -> bool:
        key = self._keys.of("holds", origin)
        _, left = await self._commands.all([("SREM", key, job_id), ("SCARD", key)], atomic=True)
        return bool(left == 0)

    async def retire(self, origin: str, job_id: str) -> bool:
        return bool(await self._commands.run(RETIRE, self._holds(origin), [job_id, _ms(REMOVAL_S)]))

    async def removed(self, origin: str) -> None:
        await self._commands.call("DEL", self._keys.of("going", origin))

    async def holders(self, origin: str) -> set[str]:
        return {job_id.decode() for job_id in await self._commands.call("SMEMBERS", self._keys.of("holds", origin))}

    def _holds(self, origin: str) -> list[str]:
        return [self._keys.of("holds", origin), self._keys.of("going", origin)]


def _numbers(found: Mapping[bytes, bytes]) -> dict[str, float]:
    return {each.decode(): float(value) for each, value in found.items()}


def _ms(seconds: float) -> int:
    return max(1, int(1000 * seconds))
