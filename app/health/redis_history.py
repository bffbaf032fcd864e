"""The rings of history in Redis: a hash each, with a field for every place, so that they cannot grow."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from app.health.history import Reading, Window, in_window, reading_from_json, reading_to_note
from app.jobs.redis.scripts import Keys
from app.redis.commands import Commands
from app.redis.connection import Client
from app.redis.replies import Word


class RedisHistory:
    """The History port."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._commands = Commands(redis)
        self._keys = Keys(prefix)

    async def keep(self, reading: Reading, windows: Sequence[Window]) -> None:
        note = orjson.dumps(reading_to_note(reading))
        calls: list[tuple[Word, ...]] = []
        for window in windows:
            key, left_s = self._keys.of(window.key), 2 * window.kept * window.every_s
            calls += [("HSET", key, window.slot(reading.at) % window.kept, note), ("EXPIRE", key, left_s)]
        if calls:
            await self._commands.all(calls, atomic=True)

    async def read(self, window: Window, now: float) -> list[Reading]:
        kept = await self._commands.call("HVALS", self._keys.of(window.key))
        return in_window([each for each in map(reading_from_json, kept) if each is not None], window, now)
