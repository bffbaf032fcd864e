"""Job events in Redis streams: written by replicas, replayed and followed by every router."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from app.errors import LeaseLost
from app.jobs.record import check_id, parse_event_id
from app.jobs.redis.scripts import Keys
from app.redis.commands import Commands
from app.redis.connection import Client
from app.redis.replies import Word, entries
from app.types import Event

KEPT = 1000
KEPT_S = 30 * 86400.0
LONGEST_BLOCK_S = 30.0  # longer waits come back empty-handed: the caller asks again

# KEYS events job; ARGV limit kept_ms fence kind at data
FENCED = """
if redis.call('HGET', KEYS[2], 'fence') ~= ARGV[3] then return false end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'k', ARGV[4], 't', ARGV[5], 'd', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return id
"""


class RedisEvents:
    """The EventLog port: about the last `limit` events of a job, until `kept_s` after the last one."""

    def __init__(self, redis: Client, prefix: str, limit: int = KEPT, kept_s: float = KEPT_S) -> None:
        self._commands = Commands(redis)
        self._keys = Keys(prefix)
        self._limit = limit
        self._kept_ms = int(1000 * kept_s)

    async def append(self, job_id: str, kind: str, at: float, data: dict[str, Any], fence: int | None = None) -> str:
        key = self._key(job_id)
        if fence is not None:
            args: list[Word] = [self._limit, self._kept_ms, fence, kind, repr(at), orjson.dumps(data)]
            added = await self._commands.run(FENCED, [key, self._keys.job(job_id)], args)
            if added is None:
                raise LeaseLost(f"{job_id} has moved on from fence {fence}.")
            return str(added.decode())
        add = ("XADD", key, "MAXLEN", "~", self._limit, "*", "k", kind, "t", repr(at), "d", orjson.dumps(data))
        answers = await self._commands.all([add, ("PEXPIRE", key, self._kept_ms)])
        event_id: str = answers[0].decode()
        return event_id

    async def read(self, job_id: str, after: str | None, block_s: float) -> Sequence[Event]:
        key = self._key(job_id)
        last = "{}-{}".format(*parse_event_id(after))
        if block_s > 0:
            block_s = min(block_s, LONGEST_BLOCK_S)
            milliseconds = max(1, int(1000 * block_s))
            answer = await self._commands.wait(block_s, "XREAD", "BLOCK", milliseconds, "STREAMS", key, last)
        else:
            answer = await self._commands.call("XREAD", "STREAMS", key, last)
        return [_event(job_id, entry, fields) for entry, fields in entries(answer)]

    async def forget(self, job_id: str) -> None:
        await self._commands.call("DEL", self._key(job_id))

    def _key(self, job_id: str) -> str:
        return self._keys.of("events", check_id(job_id))


def _event(job_id: str, entry: bytes, fields: dict[bytes, bytes]) -> Event:
    return Event(entry.decode(), job_id, fields[b"k"].decode(), float(fields[b"t"]), orjson.loads(fields[b"d"]))
