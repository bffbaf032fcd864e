"""The shared tier: bytes in Redis with a time to live, bounded in size, with the figures of all processes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.cache.breaker import Breaker
from app.cache.scripts import PUT, SHED, USE
from app.cache.store import LevelFigures
from app.cache.version import cache_version
from app.errors import StoreFull, StoreUnavailable
from app.redis.commands import Commands
from app.redis.connection import MISTAKES, Client
from app.redis.replies import Word, scored

T = TypeVar("T")

MAX_BYTES = 2**30  # of each level: Redis also keeps the jobs, which must never lack memory
MAX_VALUE_BYTES = 64 * 2**20 + 1
FLUSH_S = 1.0  # hits that never reached Redis are told to it about this often
MAX_UNTOLD = 2000  # keys whose uses wait to be told
FULL_SHARE = 0.85  # of maxmemory, from which on the cache gives memory back: what is left is the jobs'
SHED_ENTRIES = 200  # in one go: Redis does nothing else meanwhile
RELIEF_TURNS = 50


@dataclass(frozen=True, slots=True)
class Found:
    """A value, the seconds it has left and the step-seconds that a hit saves."""

    value: bytes
    left_s: float
    worth: float = 0.0


class RedisCache:
    """The ByteCache port; a Redis that fails is an empty cache, and is left alone for a while.

    Its keys carry a version, the installed one by default.
    """

    def __init__(
        self,
        redis: Client,
        prefix: str,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
        version: str | None = None,
        breaker_told: Callable[[bool], None] | None = None,
    ) -> None:
        self._commands = Commands(redis)
        self._counts = f"{{{prefix}}}:cache!counts"
        self._base = f"{{{prefix}}}:cache:{version or cache_version()}"
        self._max_bytes = max_bytes
        self._clock = clock
        self._breaker = Breaker(told=breaker_told)
        self._told_at = clock()
        self._untold: Counter[str] = Counter()
        self._untold_saved: dict[str, float] = {}
        self._uses: Counter[tuple[str, str]] = Counter()
        self.failures = 0

    async def get(self, level: str, key: str) -> bytes | None:
        found = await self.find(level, key)
        return None if found is None else found.value

    async def find(self, level: str, key: str) -> Found | None:
        """The value with the time it has left and its worth."""
        place = f"{self._base}:{level}:{key}"
        # Not as a transaction: a full Redis refuses those, and still answers these.
        reads = [("GET", place), ("PTTL", place), ("HGET", self.book(level, "books"), key)]
        value, left_ms, book = await self.ask(self._commands.all(reads), [None, 0, None])
        if value is None or left_ms <= 0:
            self._untold[f"misses:{level}"] += 1
            await self._tell_sometimes()
            return None
        worth = _worth(book)
        await self.count_hit(level, key, worth)
        return Found(value, left_ms / 1000, worth)

    async def kept(self, level: str, keys: Sequence[str]) -> list[bool]:
        """Which of them are there now; none of them while Redis is away."""
        reads = [("EXISTS", f"{self._base}:{level}:{key}") for key in keys]
        return [bool(there) for there in await self.ask(self._commands.all(reads), [0] * len(keys))]

    def book(self, level: str, name: str) -> str:
        """The key of what else is kept of a level, beside its values and the books of them."""
        return f"{self._base}:{level}!{name}"

    async def put(self, level: str, key: str, value: bytes, ttl_s: float, worth: float = 0.0) -> None:
        """What is larger than 64 MiB or the level's bound, or has no time to live, is not kept."""
        if len(value) <= min(MAX_VALUE_BYTES, self._max_bytes):
            await self._write(level, key, value, max(0, int(1000 * ttl_s)), worth)

    async def drop(self, level: str, key: str) -> None:
        await self._write(level, key, b"", 0)

    async def clear(self, level: str | None = None) -> int:
        """How many there were, of this version."""
        levels = await self._levels() if level is None else [level]
        total = 0
        for each in levels:
            while count := (await self._let_leave(each, float("inf"), evicted=False))[0]:
                total += count
        return total

    async def relieve(self) -> int:
        """Where Redis is nearly full, those of least benefit leave; how many. Call it about once a second.

        So the jobs' writes, in the same Redis, find room. Redis itself must be set to evict nothing.
        """
        memory: Mapping[str, Word] = await self.ask(self._commands.call("INFO", "memory"), {})
        most = int(memory.get("maxmemory", 0))
        excess = int(memory.get("used_memory", 0)) - FULL_SHARE * most
        if most == 0 or excess <= 0:
            return 0
        left = 0
        levels = await self._levels()
        for _ in range(RELIEF_TURNS):
            level = await self._poorest(levels)
            if level is None or excess <= 0:
                break
            count, freed = await self._let_leave(level, excess, evicted=True)
            left, excess = left + count, excess - freed
        return left

    async def count_hit(self, level: str, key: str, worth: float) -> None:
        """Note a hit of this tier or one in front; told to Redis together with others, about once a second."""
        self._untold[f"hits:{level}"] += 1
        self._untold_saved[level] = self._untold_saved.get(level, 0.0) + worth
        if len(self._uses) < MAX_UNTOLD:
            self._uses[level, key] += 1
        await self._tell_sometimes()

    def note_near_evictions(self, level: str, count: int) -> None:
        """Entries that left a memory in front; told with the next hits."""
        self._untold[f"near_evictions:{level}"] += count

    async def figures(self) -> dict[str, LevelFigures]:
        """Of all processes; of none while Redis is away."""
        await self._tell()
        counts = await self._all_counts()
        return {level: await self._level(level, counts) for level in _levels_in(counts)}

    async def healthy(self) -> bool:
        return bool(await self.ask(self._commands.call("PING"), False))

    async def _all_counts(self) -> Mapping[bytes, bytes]:
        return await self.ask(self._commands.call("HGETALL", self._counts), {})

    async def _levels(self) -> list[str]:
        return _levels_in(await self._all_counts())

    async def _poorest(self, levels: Sequence[str]) -> str | None:
        """The level whose lowest entry has least benefit now; None when there is none."""
        reads: list[tuple[Word, ...]] = []
        for level in levels:
            reads += [("ZRANGE", self.book(level, "rank"), 0, 0, "WITHSCORES"), ("GET", self.book(level, "floor"))]
        found = await self.ask(self._commands.all(reads), [])
        lowest = {
            level: rank - float(floor or 0)
            for level, entries, floor in zip(levels, found[::2], found[1::2], strict=False)
            for _, rank in scored(entries)
        }
        return min(lowest, key=lambda level: lowest[level]) if lowest else None

    async def _level(self, level: str, counts: Mapping[bytes, bytes]) -> LevelFigures:
        await self._write(level, "", b"", 0)  # what has run out leaves the books
        reads = [("ZCARD", self.book(level, "expiry")), ("GET", self.book(level, "bytes"))]
        entries, size = await self.ask(self._commands.all(reads), [0, None])

        def count(kind: str) -> float:
            return float(counts.get(f"{kind}:{level}".encode(), 0))

        return LevelFigures(
            hits=int(count("hits")),
            misses=int(count("misses")),
            entries=int(entries),
            size_bytes=max(0, int(size or 0)),
            evictions=int(count("evictions")),
            saved_step_seconds=count("saved"),
            near_evictions=int(count("near_evictions")),
        )

    def _books(self, level: str) -> list[str]:
        return [self.book(level, name) for name in ("expiry", "books", "rank", "bytes", "floor")]

    async def _write(self, level: str, key: str, value: bytes, ttl_ms: int, worth: float = 0.0) -> None:
        keys = [*self._books(level), self._counts]
        prefix = f"{self._base}:{level}:"
        args: list[Word] = [time.time(), key, value, ttl_ms, worth, self._max_bytes, prefix, level]
        await self.ask(self._commands.run(PUT, keys, args), 0)

    async def _let_leave(self, level: str, wanted: float, evicted: bool) -> tuple[int, int]:
        """Those of least benefit, up to SHED_ENTRIES, until `wanted` bytes are free; how many, and their bytes."""
        keys = [*self._books(level), self._counts]
        most = int(min(wanted, 2**52)) + 1
        args: list[Word] = [most, SHED_ENTRIES, f"{self._base}:{level}:", level, int(evicted)]
        count, freed = await self.ask(self._commands.run(SHED, keys, args), (0, 0))
        return int(count), int(freed)

    async def _tell_sometimes(self) -> None:
        if self._clock() - self._told_at >= FLUSH_S:
            await self._tell()

    async def _tell(self) -> None:
        self._told_at = self._clock()
        told, self._untold = self._untold, Counter()
        saved, self._untold_saved = self._untold_saved, {}
        if told:
            adds: list[tuple[Word, ...]] = [("HINCRBY", self._counts, name, count) for name, count in told.items()]
            adds += [("HINCRBYFLOAT", self._counts, f"saved:{name}", seconds) for name, seconds in saved.items()]
            if not await self.ask(self._commands.all(adds, atomic=True), []):
                self._untold += told
                self._untold_saved = {name: saved.get(name, 0.0) + self._untold_saved.get(name, 0.0) for name in saved}
                return
        await self._tell_uses()

    async def _tell_uses(self) -> None:
        """Entries rise by their uses. Lost when Redis does not answer: it is only a matter of order."""
        uses, self._uses = self._uses, Counter()
        for level in sorted({level for level, _ in uses}):
            words: list[Word] = [word for (its, key), count in uses.items() if its == level for word in (key, count)]
            await self.ask(self._commands.run(USE, self._books(level), words), 0)

    async def ask(self, call: Coroutine[Any, Any, T], otherwise: T) -> T:
        """The call's answer, or `otherwise` when Redis fails, is too slow, or failed a moment ago.

        A full Redis is no reason to stay away from it: it still answers what is asked.
        """
        if not self._breaker.allows(self._clock()):
            call.close()
            return otherwise
        try:
            answer = await call
        except StoreFull:
            self.failures += 1
            self._breaker.worked()
            return otherwise
        except (StoreUnavailable, *MISTAKES):
            self.failures += 1
            self._breaker.failed(self._clock())
            return otherwise
        self._breaker.worked()
        return answer


def _levels_in(counts: Mapping[bytes, bytes]) -> list[str]:
    return sorted({name.decode().partition(":")[2] for name in counts})


def _worth(book: bytes | None) -> float:
    """Of "size:worth:uses"; 0.0 for what is none."""
    parts = (book or b"").split(b":")
    try:
        return float(parts[1]) if len(parts) == 3 else 0.0
    except ValueError:
        return 0.0
