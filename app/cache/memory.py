"""The tier in front: bytes in this process, least recently used out first, each with a time to live."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable

from app.cache.store import LevelFigures


class MemoryCache:
    """The ByteCache port in at most `max_bytes` of values; `clock` gives seconds."""

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], tuple[bytes, float]] = OrderedDict()
        self._size_bytes = 0
        self._hits: Counter[str] = Counter()
        self._misses: Counter[str] = Counter()

    async def get(self, level: str, key: str) -> bytes | None:
        found = self.look(level, key)
        (self._misses if found is None else self._hits)[level] += 1
        return found

    async def put(self, level: str, key: str, value: bytes, ttl_s: float) -> None:
        """What is larger than the whole cache, or has no time to live, is not kept."""
        self._remove(level, key)
        if len(value) > self._max_bytes or ttl_s <= 0:
            return
        self._kept[level, key] = (value, self._clock() + ttl_s)
        self._size_bytes += len(value)
        while self._size_bytes > self._max_bytes:
            self._remove(*next(iter(self._kept)))

    async def drop(self, level: str, key: str) -> None:
        self._remove(level, key)

    async def figures(self) -> dict[str, LevelFigures]:
        now = self._clock()
        for level, key in [name for name, (_, until) in self._kept.items() if until <= now]:
            self._remove(level, key)
        entries = Counter(level for level, _ in self._kept)
        sizes: Counter[str] = Counter()
        for (level, _), (value, _) in self._kept.items():
            sizes[level] += len(value)
        levels = sorted({*entries, *self._hits, *self._misses})
        return {
            level: LevelFigures(self._hits[level], self._misses[level], entries[level], sizes[level])
            for level in levels
        }

    async def healthy(self) -> bool:
        return True

    def look(self, level: str, key: str) -> bytes | None:
        """As `get`, without counting."""
        found = self._kept.get((level, key))
        if found is None:
            return None
        value, until = found
        if until <= self._clock():
            self._remove(level, key)
            return None
        self._kept.move_to_end((level, key))
        return value

    def _remove(self, level: str, key: str) -> None:
        found = self._kept.pop((level, key), None)
        if found is not None:
            self._size_bytes -= len(found[0])
