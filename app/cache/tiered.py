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
            await self._shared.count_hit(level, key, self._memory.worth(level, key))
            return near
        found = await self._shared.find(level, key)
        if found is None:
            return None
        await self._memory.put(level, key, found.value, found.left_s, found.worth)
        self._tell_evictions()
        return found.value

    async def put(self, level: str, key: str, value: bytes, ttl_s: float, worth: float = 0.0) -> None:
        await self._memory.put(level, key, value, ttl_s, worth)
        self._tell_evictions()
        await self._shared.put(level, key, value, ttl_s, worth)

    async def drop(self, level: str, key: str) -> None:
        await self._memory.drop(level, key)
        await self._shared.drop(level, key)

    async def clear(self, level: str | None = None) -> int:
        """How many entries the shared tier had; while Redis is away, how many were here."""
        near = await self._memory.clear(level)
        shared = await self._shared.clear(level)
        return shared or near

    async def figures(self) -> dict[str, LevelFigures]:
        """Of all processes; while Redis is away, what this memory holds."""
        shared = await self._shared.figures()
        near = await self._memory.figures()
        return {**{level: _held(figures) for level, figures in near.items()}, **shared}

    async def healthy(self) -> bool:
        return await self._shared.healthy()

    def _tell_evictions(self) -> None:
        for level, count in self._memory.untold_evictions().items():
            self._shared.note_near_evictions(level, count)


def _held(near: LevelFigures) -> LevelFigures:
    """What a memory says of itself where the shared tier, which counts hits of all processes, says nothing."""
    return replace(near, hits=0, misses=0, saved_step_seconds=0.0, evictions=0, near_evictions=near.evictions)
