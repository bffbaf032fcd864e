"""Memory in front of Redis: repeats are answered here, the rest from what all processes share."""

from __future__ import annotations

from dataclasses import replace

from app.cache.memory import MemoryCache
from app.cache.redis import RedisCache
from app.cache.store import LevelFigures


class TieredCache:
    """The ByteCache port over two tiers; figures are those of the shared one, which is told of hits here."""

    def __init__(self, memory: MemoryCache, shared: RedisCache) -> None:
        self._memory = memory
        self._shared = shared

    async def get(self, level: str, key: str) -> bytes | None:
        near = self._memory.look(level, key)
        if near is not None:
            await self._shared.count(level, True)
            return near
        found = await self._shared.find(level, key)
        if found is None:
            return None
        await self._memory.put(level, key, found.value, found.left_s)
        return found.value

    async def put(self, level: str, key: str, value: bytes, ttl_s: float) -> None:
        await self._memory.put(level, key, value, ttl_s)
        await self._shared.put(level, key, value, ttl_s)

    async def drop(self, level: str, key: str) -> None:
        await self._memory.drop(level, key)
        await self._shared.drop(level, key)

    async def figures(self) -> dict[str, LevelFigures]:
        """Of all processes; while Redis is away, what this memory holds."""
        shared = await self._shared.figures()
        near = await self._memory.figures()
        return {**{level: replace(figures, hits=0, misses=0) for level, figures in near.items()}, **shared}

    async def healthy(self) -> bool:
        return await self._shared.healthy()
