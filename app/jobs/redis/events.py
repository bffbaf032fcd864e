"""Job events in Redis streams, one a job and one a tenant: written by replicas, followed by every router."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from app.errors import LeaseLost
from app.jobs.events import BATCH, MOST_ENTRIES, MOST_SHARED, TENANT_KEPT, Entries, Resumption, resumption
from app.jobs.record import check_id, parse_event_id
from app.jobs.redis.scripts import Keys
from app.jobs.shared_waits import SharedWaits
from app.redis.commands import Commands
from app.redis.connection import Client
from app.redis.replies import Word, entries, mapping
from app.types import Event

KEPT = 1000
KEPT_S = 30 * 86400.0
TENANT_KEPT_S = 86400.0  # of a tenant of whom nothing is heard
LONGEST_BLOCK_S = 30.0  # longer waits come back empty-handed: the caller asks again
GONE = b"{}"  # what is left of data that went with its job
LONG = 1024  # bytes of data; what is longer, a preview, a tenant's log refers to in the job's

# One event into the job's log and, in the same step, into those of its tenant and of the tenants of the jobs that wait
# for its video. Which those are is seen here: the names of their keys are built under the same braces.
# KEYS events job account
# ARGV limit kept_ms fence|'' kind at data id base most_shared tenant_limit tenant_kept_ms long most_entries
#      entry value …
APPEND = """
local job = redis.call('HMGET', KEYS[2], 'tenant', 'fence', 'flight', 'phase')
if ARGV[3] ~= '' and job[2] ~= ARGV[3] then return false end
local kind, at, data, id, base = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
if kind == 'end' and ARGV[3] ~= '' and job[4] and job[4] ~= 'completed' and job[4] ~= 'failed' then return false end
local event = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'k', kind, 't', at, 'd', data)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if not job[1] then return event end
if #ARGV > 13 and redis.call('HLEN', KEYS[3]) < tonumber(ARGV[13]) then
  redis.call('HSET', KEYS[3], unpack(ARGV, 14))
  redis.call('PEXPIRE', KEYS[3], ARGV[2])
end
local heard = {[job[1]] = id}
if job[3] and kind ~= 'end' and redis.call('GET', base .. 'flight:' .. job[3]) == id then
  for _, other in ipairs(redis.call('ZRANGE', base .. 'followers:' .. job[3], 0, ARGV[9] - 1)) do
    local tenant = redis.call('HGET', base .. 'job:' .. other, 'tenant')
    if tenant then heard[tenant] = (heard[tenant] and heard[tenant] .. ',' or '') .. other end
  end
end
for tenant, ids in pairs(heard) do
  local log = base .. 'told:' .. tenant
  local what = kind ~= 'end' and #data > tonumber(ARGV[12]) and {'s', id, 'e', event} or {'d', data}
  redis.call('XADD', log, 'MAXLEN', '~', ARGV[10], '*', 'j', ids, 'k', kind, 't', at, unpack(what))
  redis.call('PEXPIRE', log, ARGV[11])
end
return event
"""


class RedisEvents:
    """The EventLog port: about the last `limit` events of a job, until `kept_s` after the last one.

    Of a tenant's jobs about the last `tenant_limit`.
    """

    def __init__(
        self,
        redis: Client,
        prefix: str,
        limit: int = KEPT,
        kept_s: float = KEPT_S,
        tenant_limit: int = TENANT_KEPT,
    ) -> None:
        self._commands = Commands(redis)
        self._waits = SharedWaits()
        self._keys = Keys(prefix)
        self._limit = limit
        self._kept_ms = int(1000 * kept_s)
        self._tenant_limit = tenant_limit

    async def append(
        self,
        job_id: str,
        kind: str,
        at: float,
        data: dict[str, Any],
        fence: int | None = None,
        entries: Entries | None = None,
    ) -> str:
        event = (kind, repr(at), orjson.dumps(data), job_id)
        tenants = (self._keys.of(""), MOST_SHARED, self._tenant_limit, int(1000 * TENANT_KEPT_S), LONG, MOST_ENTRIES)
        args: list[Word] = [self._limit, self._kept_ms, "" if fence is None else fence, *event, *tenants]
        keys = [self._key(job_id), self._keys.job(job_id), self._account(job_id)]
        added = await self._commands.run(APPEND, keys, [*args, *_written(entries or {})])
        if added is None:
            raise LeaseLost(f"{job_id} has moved on from fence {fence}.")
        return str(added.decode())

    async def append_each(self, kind: str, at: float, data: Mapping[str, dict[str, Any]]) -> None:
        """What is asked for at once goes to Redis in one round trip."""
        await asyncio.gather(*(self.append(job_id, kind, at, said) for job_id, said in data.items()))

    async def read(self, job_id: str, after: str | None, block_s: float) -> Sequence[Event]:
        """Those who wait for the same are given the same events: what comes is taken apart once."""
        if block_s <= 0:
            return await self._events(job_id, after, block_s)
        wait = partial(self._events, job_id, after, block_s)
        events: Sequence[Event] = await self._waits.share(("events", job_id, after, block_s), wait)
        return events

    async def _events(self, job_id: str, after: str | None, block_s: float) -> Sequence[Event]:
        found = await self._read(self._key(job_id), after, block_s)
        return [_event(entry.decode(), job_id, fields, fields[b"d"]) for entry, fields in found]

    async def forget(self, job_id: str) -> None:
        await self._commands.call("DEL", self._key(job_id), self._account(job_id))

    async def note(self, job_id: str, entries: Entries) -> None:
        await self._commands.all(self._puts(job_id, entries))

    async def account(self, job_id: str) -> dict[str, dict[str, Any]]:
        kept = mapping(await self._commands.call("HGETALL", self._account(job_id)))
        return {name.decode(): orjson.loads(entry) for name, entry in kept.items()}

    async def tell_tenant(
        self, tenant: str, job_id: str, kind: str, at: float, data: dict[str, Any], entries: Entries | None = None
    ) -> None:
        log, what = self._keys.of("told", tenant), ("k", kind, "t", repr(at), "d", orjson.dumps(data))
        add = ("XADD", log, "MAXLEN", "~", self._tenant_limit, "*", "j", check_id(job_id), *what)
        keep = ("PEXPIRE", log, int(1000 * TENANT_KEPT_S))
        await self._commands.all([add, keep, *(self._puts(job_id, entries) if entries else ())])

    async def resume_tenant(self, tenant: str, after: str | None) -> Resumption:
        log = self._keys.of("told", tenant)
        ends = [("XRANGE", log, "-", "+", "COUNT", 1), ("XREVRANGE", log, "+", "-", "COUNT", 1)]
        *found, length = await self._commands.all([*ends, ("XLEN", log)], atomic=True)
        first, last = (rows[0][0].decode() if rows else None for rows in found)
        return resumption(after, first, last, length, self._tenant_limit)

    async def read_tenant(self, tenant: str, after: str, block_s: float) -> Sequence[Event]:
        found = await self._read(self._keys.of("told", tenant), after, block_s, BATCH)
        distant = {entry: (fields[b"s"].decode(), fields[b"e"]) for entry, fields in found if b"s" in fields}
        reads = [("XRANGE", self._key(job_id), event, event) for job_id, event in distant.values()]
        rows = await self._commands.all(reads) if reads else []
        there = {entry: mapping(row[0][1])[b"d"] for entry, row in zip(distant, rows, strict=True) if row}
        return [
            _event(entry.decode(), job_id, fields, fields.get(b"d") or there.get(entry, GONE))
            for entry, fields in found
            for job_id in fields[b"j"].decode().split(",")
        ]

    async def _read(
        self, key: str, after: str | None, block_s: float, count: int | None = None
    ) -> list[tuple[bytes, dict[bytes, bytes]]]:
        last = "{}-{}".format(*parse_event_id(after))
        most = () if count is None else ("COUNT", count)
        if block_s <= 0:
            return entries(await self._commands.call("XREAD", *most, "STREAMS", key, last))
        block_s = min(block_s, LONGEST_BLOCK_S)
        milliseconds = max(1, int(1000 * block_s))
        words = ("XREAD", *most, "BLOCK", milliseconds, "STREAMS", key, last)
        return entries(await self._waits.share(words, partial(self._commands.wait, block_s, *words)))

    def _puts(self, job_id: str, entries: Entries) -> list[tuple[Word, ...]]:
        account = self._account(job_id)
        return [("HSET", account, *_written(entries)), ("PEXPIRE", account, self._kept_ms)]

    def _key(self, job_id: str) -> str:
        return self._keys.of("events", check_id(job_id))

    def _account(self, job_id: str) -> str:
        return self._keys.of("account", check_id(job_id))


def _written(entries: Entries) -> list[Word]:
    return [word for name, entry in entries.items() for word in (name, orjson.dumps(entry))]


def _event(event_id: str, job_id: str, fields: dict[bytes, bytes], data: bytes) -> Event:
    return Event(event_id, job_id, fields[b"k"].decode(), float(fields[b"t"]), orjson.loads(data))
