"""What a router was told a moment ago comes back at once: stands before the cache, which is asked all the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from cachetools import TTLCache

from app.cache.store import RESULTS, ByteCache, LevelFigures

KEPT_S = 15.0
AGAIN_S = 1.0  # a call to the cache costs as much as all else that we do for a repeat
MOST = 1024
MOST_BYTES = 1 << 16  # of a value; references to files are far smaller


class RecentCache:
    """A ByteCache that remembers results for a while, so that a repeat need not wait for another process.

    A remembered result is given at once, and asked for again behind it, AGAIN_S after the last time at the earliest: so
    often the cache beneath hears of a use, and so long what has gone there is given still. The files that a result
    refers to are looked at by whoever uses it.
    """

    def __init__(
        self, cache: ByteCache, kept_s: float = KEPT_S, most: int = MOST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cache = cache
        self._kept: TTLCache[str, bytes] = TTLCache(most, kept_s, clock)
        self._asked: TTLCache[str, bool] = TTLCache(most, AGAIN_S, clock)
        self._asking: set[asyncio.Task[bytes | None]] = set()

    async def get(self, level: str, key: str) -> bytes | None:
        if level != RESULTS:
            return await self._cache.get(level, key)
        value = self._kept.get(key)
        if value is None:
            return await self._ask(key)
        if key in self._asked:
            return value
        task = asyncio.ensure_future(self._ask(key))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return value

    async def put(self, level: str, key: str, value: bytes, ttl_s: float, worth: float = 0.0) -> None:
        self._kept.pop(key, None)
        await self._cache.put(level, key, value, ttl_s, worth)

    async def drop(self, level: str, key: str) -> None:
        self._kept.pop(key, None)
        await self._cache.drop(level, key)

    async def clear(self, level: str | None = None) -> int:
        self._kept.clear()
        return await self._cache.clear(level)

    async def figures(self) -> dict[str, LevelFigures]:
        return await self._cache.figures()

    async def healthy(self) -> bool:
        return await self._cache.healthy()

    async def _ask(self, key: str) -> bytes | None:
        self._asked[key] = True
        value = await self._cache.get(RESULTS, key)
        self._kept.pop(key, None)
        if value is not None and len(value) <= MOST_BYTES:
            self._kept[key] = value
        return value
