"""The ring of minute samples in Redis: a hash with a field for each minute of the hour, so it cannot grow."""

from __future__ import annotations

import orjson

from app.health.samples import KEPT, MINUTE_S, Sample, last_hour, sample_from_note, sample_to_note
from app.jobs.redis.scripts import Keys
from app.redis.commands import Commands
from app.redis.connection import Client

LEFT_S = 2 * KEPT * MINUTE_S  # without a Dispatcher it is forgotten after this


class RedisSamples:
    """The Samples port."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._commands = Commands(redis)
        self._key = Keys(prefix).of("samples")

    async def keep(self, sample: Sample) -> None:
        note = orjson.dumps(sample_to_note(sample))
        place = sample.minute % KEPT
        await self._commands.all([("HSET", self._key, place, note), ("EXPIRE", self._key, int(LEFT_S))], atomic=True)

    async def read(self, now: float) -> list[Sample]:
        kept = await self._commands.call("HVALS", self._key)
        found = (sample_from_note(orjson.loads(note)) for note in kept)
        return last_hour([each for each in found if each is not None], now)
