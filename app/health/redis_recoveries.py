"""The log of recoveries in Redis: a script decides what is news, and puts it into the stream and the outbox at once."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import orjson

from app.errors import StoreUnavailable
from app.health.recoveries import (
    KEPT,
    KINDS,
    NOTICE_KEPT_S,
    Recovery,
    Signal,
    Standing,
    by_latest,
    notice_name,
    recovery_from_note,
    tally_from_note,
    told,
)
from app.jobs.redis.scripts import Keys
from app.redis.commands import Commands
from app.redis.connection import MISTAKES, Client

log = logging.getLogger(__name__)
PENDING = 100  # signals that a process keeps while Redis is away

# The same as `app.health.recoveries.judged`, at once for all processes; the tests hold them together.
# KEYS tallies stream outbox note…; ARGV field change at cool_down_s event kept note_ms name…
RECORD = """
local kept = redis.call('HGET', KEYS[1], ARGV[1])
local tally = kept and cjson.decode(kept)
  or {count = 0, first_at = 0, last_at = 0, under_way = false, told_begun = false, untold = 0}
local change, at, times = ARGV[2], tonumber(ARGV[3]), 0
if change == 'ended' then
  if tally.under_way and tally.told_begun then times = 1 end
  tally.under_way, tally.told_begun = false, false
else
  local known = change == 'began' and tally.under_way
  if not known then
    if tally.count == 0 then tally.first_at = at end
    tally.count, tally.untold, tally.last_at = tally.count + 1, tally.untold + 1, at
  end
  if change == 'began' then tally.under_way = true end
  if tally.untold > 0 and (not tally.told_at or at - tally.told_at >= tonumber(ARGV[4])) then
    times = tally.untold
    tally.told_at, tally.untold = at, 0
    if change == 'began' then tally.told_begun = true end
  end
end
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(tally))
if times == 0 then return 0 end
local event = cjson.decode(ARGV[5])
event.times = times
event = cjson.encode(event)
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[6], '*', 'event', event)
for i = 4, #KEYS do
  redis.call('SET', KEYS[i], '{"event":' .. event .. '}', 'PX', ARGV[7])
  redis.call('ZADD', KEYS[3], at, ARGV[4 + i])
end
return times
"""


class RedisRecoveries:
    """The Recoveries port. `receivers`: digests of those who are notified."""

    def __init__(self, redis: Client, prefix: str, receivers: Sequence[str] = ()) -> None:
        self._commands = Commands(redis)
        self._keys = Keys(prefix)
        self._receivers = tuple(receivers)
        self._pending: deque[Signal] = deque(maxlen=PENDING)

    async def record(self, *signals: Signal) -> None:
        self._pending.extend(signals)
        while self._pending:
            signal = self._pending.popleft()
            try:
                await self._record(signal)
            except StoreUnavailable:
                self._pending.appendleft(signal)
                return
            except MISTAKES:  # what is kept makes no sense: no job is to suffer for a log
                log.exception("Not logged: %s of %s", signal.cause, signal.subject)

    async def recent(self, most: int) -> list[Recovery]:
        rows = await self._commands.call("XREVRANGE", self._keys.of("recoveries"), "+", "-", "COUNT", most)
        found = (recovery_from_note(orjson.loads(_event(row[1]))) for row in rows)
        return [event for event in found if event is not None]

    async def standings(self) -> list[Standing]:
        kept = await self._commands.call("HGETALL", self._keys.of("recovery_tallies"))
        return by_latest([_standing(field, tally) for field, tally in kept.items()])

    async def _record(self, signal: Signal) -> None:
        event = told(signal)
        names = [notice_name(receiver, event.id) for receiver in self._receivers]
        keys = [self._keys.of("recovery_tallies"), self._keys.of("recoveries"), self._keys.outbox]
        field = orjson.dumps([signal.cause.value, signal.subject])
        args: list[str | bytes | float] = [field, signal.change, signal.at, KINDS[signal.cause].cool_down_s]
        args += [orjson.dumps(asdict(event)), KEPT, int(1000 * NOTICE_KEPT_S), *names]
        await self._commands.run(RECORD, [*keys, *(self._keys.of("note", name) for name in names)], args)


def _standing(field: bytes, tally: bytes) -> Standing:
    cause, subject = orjson.loads(field)
    return Standing(str(cause), str(subject), tally_from_note(orjson.loads(tally)))


def _event(fields: Any) -> bytes:
    """The value of a stream entry's only field, whatever shape the client gives the fields."""
    found: bytes = fields[b"event"] if isinstance(fields, dict) else fields[1]
    return found
