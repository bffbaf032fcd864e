"""Shared notes in Redis: what the dispatcher knows, and which jobs need whose artifacts."""

from __future__ import annotations

from typing import Any

import orjson

from app.jobs.redis.scripts import Keys
from app.redis.connection import Client
from app.redis.link import Link
from app.redis.replies import Word


class RedisBoard:
    """The Board port: notes are strings with a time to live, holds are sets."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._link = Link(redis)
        self._keys = Keys(prefix)

    async def post(self, name: str, note: dict[str, Any], ttl_s: float) -> None:
        key = self._keys.of("note", name)
        await self._link.call("SET", key, orjson.dumps(note), "PX", max(1, int(1000 * ttl_s)))

    async def look(self, name: str) -> dict[str, Any] | None:
        kept = await self._link.call("GET", self._keys.of("note", name))
        note: dict[str, Any] | None = None if kept is None else orjson.loads(kept)
        return note

    async def tally(self, name: str, field: str = "", amount: float = 0.0) -> dict[str, float]:
        key = self._keys.of("tally", name)
        calls: list[tuple[Word, ...]] = [("HINCRBYFLOAT", key, field, amount)] if field else []
        *_, fields = await self._link.all([*calls, ("HGETALL", key)], atomic=True)
        return {each.decode(): float(value) for each, value in fields.items()}

    async def once(self, name: str, value: str) -> str:
        key = self._keys.of("word", name)
        _, word = await self._link.all([("SET", key, value, "NX"), ("GET", key)], atomic=True)
        return str(word.decode())

    async def hold(self, origin: str, job_id: str) -> None:
        await self._link.call("SADD", self._keys.of("holds", origin), job_id)

    async def release(self, origin: str, job_id: str) -> bool:
        key = self._keys.of("holds", origin)
        _, left = await self._link.all([("SREM", key, job_id), ("SCARD", key)], atomic=True)
        return bool(left == 0)

    async def holders(self, origin: str) -> set[str]:
        return {job_id.decode() for job_id in await self._link.call("SMEMBERS", self._keys.of("holds", origin))}
