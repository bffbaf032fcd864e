"""The tier in front: bytes in this process, each with a time to live; a policy says who leaves when it is full."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.cache.policy import Benefit, Policy, Use
from app.cache.store import LevelFigures

Name = tuple[str, str]  # level and key
_SLACK = 64  # old places that the heaps may hold beyond one for each entry


@dataclass(slots=True)
class _Entry:
    value: bytes
    until: float
    worth: float
    uses: int = 1
    rank: float = 0.0
    turn: int = 0  # of its last use; it also tells an entry's true place in a heap from its former ones

    def use(self) -> Use:
        return Use(self.worth, self.uses, len(self.value))


class MemoryCache:
    """The ByteCache port in at most `max_bytes` of values; `clock` gives seconds, the policy is Benefit by default."""

    def __init__(
        self, max_bytes: int, clock: Callable[[], float] = time.monotonic, policy: Policy | None = None
    ) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._policy: Policy = policy or Benefit()
        self._kept: dict[Name, _Entry] = {}
        self._by_rank: list[tuple[float, int, Name]] = []
        self._by_end: list[tuple[float, int, Name]] = []
        self._turn = 0
        self._size_bytes = 0
        self._hits: Counter[str] = Counter()
        self._misses: Counter[str] = Counter()
        self._evicted: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()
        self._saved: dict[str, float] = {}

    async def get(self, level: str, key: str) -> bytes | None:
        found = self.look(level, key)
        (self._misses if found is None else self._hits)[level] += 1
        if found is not None:
            self._saved[level] = self._saved.get(level, 0.0) + self.worth(level, key)
        return found

    async def put(self, level: str, key: str, value: bytes, ttl_s: float, worth: float = 0.0) -> None:
        """What is larger than the whole cache, has no time to live, or ranks below all it would push out, is not kept.

        What is put again keeps the uses it had.
        """
        before = self._remove((level, key))
        if len(value) > self._max_bytes or ttl_s <= 0:
            return
        now = self._clock()
        entry = _Entry(value, now + ttl_s, worth, before.uses if before else 1)
        entry.rank = self._policy.rank(entry.use())
        if not self._make_room(len(value), entry.rank, now):
            self._policy.left(entry.rank)
            self._count_eviction(level)
            return
        self._kept[level, key] = entry
        self._size_bytes += len(value)
        self._place((level, key), entry)
        heapq.heappush(self._by_end, (entry.until, entry.turn, (level, key)))
        self._tidy()

    async def drop(self, level: str, key: str) -> None:
        self._remove((level, key))

    async def clear(self, level: str | None = None) -> int:
        names = [name for name in self._kept if level in (None, name[0])]
        for name in names:
            self._remove(name)
        self._tidy()
        return len(names)

    async def figures(self) -> dict[str, LevelFigures]:
        self._expire(self._clock())
        entries = Counter(level for level, _ in self._kept)
        sizes: Counter[str] = Counter()
        for (level, _), entry in self._kept.items():
            sizes[level] += len(entry.value)
        levels = sorted({*entries, *self._hits, *self._misses, *self._evicted})
        return {level: self._level(level, entries[level], sizes[level]) for level in levels}

    async def healthy(self) -> bool:
        return True

    def look(self, level: str, key: str) -> bytes | None:
        """As `get`, without counting."""
        entry = self._kept.get((level, key))
        if entry is None:
            return None
        if entry.until <= self._clock():
            self._remove((level, key))
            return None
        entry.uses += 1
        entry.rank = self._policy.rank(entry.use())
        self._place((level, key), entry)
        self._tidy()
        return entry.value

    def worth(self, level: str, key: str) -> float:
        """Step-seconds that a hit of this entry saves; 0.0 when it is not here."""
        entry = self._kept.get((level, key))
        return 0.0 if entry is None else entry.worth

    def untold_evictions(self) -> Mapping[str, int]:
        """Evictions by level since this was asked last."""
        told, self._untold = self._untold, Counter()
        return told

    def _level(self, level: str, entries: int, size_bytes: int) -> LevelFigures:
        hits, misses, evicted = self._hits[level], self._misses[level], self._evicted[level]
        return LevelFigures(hits, misses, entries, size_bytes, evicted, self._saved.get(level, 0.0))

    def _make_room(self, size_bytes: int, rank: float, now: float) -> bool:
        """Whether there is room now; if the policy refuses a newcomer of `rank`, nobody has left."""
        if self._size_bytes + size_bytes <= self._max_bytes:
            return True
        self._expire(now)
        leaving: list[tuple[float, int, Name]] = []
        freed = 0
        while self._size_bytes - freed + size_bytes > self._max_bytes:
            place = heapq.heappop(self._by_rank)
            entry = self._true(place)
            if entry is None:
                continue
            leaving.append(place)
            freed += len(entry.value)
            if self._policy.refuses(rank, place[0]):
                for each in leaving:
                    heapq.heappush(self._by_rank, each)
                return False
        for lowest, _, name in leaving:
            self._policy.left(lowest)
            self._remove(name)
            self._count_eviction(name[0])
        return True

    def _expire(self, now: float) -> None:
        while self._by_end and self._by_end[0][0] <= now:
            until, _, name = heapq.heappop(self._by_end)
            entry = self._kept.get(name)
            if entry is not None and entry.until == until:
                self._remove(name)

    def _place(self, name: Name, entry: _Entry) -> None:
        self._turn += 1
        entry.turn = self._turn
        heapq.heappush(self._by_rank, (entry.rank, entry.turn, name))

    def _true(self, place: tuple[float, int, Name]) -> _Entry | None:
        """The entry of this place, or None when it has gone or moved on."""
        entry = self._kept.get(place[2])
        return entry if entry is not None and entry.turn == place[1] else None

    def _tidy(self) -> None:
        """Heaps forget former places when these have become as many as the entries."""
        if len(self._by_rank) > 2 * len(self._kept) + _SLACK:
            self._by_rank = [(entry.rank, entry.turn, name) for name, entry in self._kept.items()]
            heapq.heapify(self._by_rank)
        if len(self._by_end) > 2 * len(self._kept) + _SLACK:
            self._by_end = [(entry.until, entry.turn, name) for name, entry in self._kept.items()]
            heapq.heapify(self._by_end)

    def _count_eviction(self, level: str) -> None:
        self._evicted[level] += 1
        self._untold[level] += 1

    def _remove(self, name: Name) -> _Entry | None:
        entry = self._kept.pop(name, None)
        if entry is not None:
            self._size_bytes -= len(entry.value)
        return entry
