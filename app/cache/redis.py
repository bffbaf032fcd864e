"""The shared tier: bytes in Redis with a time to live, bounded in size, with hits and misses of all processes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.cache.breaker import Breaker
from app.cache.store import LevelFigures

T = TypeVar("T")

MAX_BYTES = 2**30  # of each level: Redis also keeps the jobs, which must never lack memory
MAX_VALUE_BYTES = 64 * 2**20
FLUSH_S = 1.0  # hits that never reached Redis are told to it about this often

# KEYS value expiry sizes bytes counts; ARGV key value ttl_ms now max_bytes level value_prefix
# Keeps one value and its size; what has run out leaves the books, and what runs out soonest leaves if there is no room.
_PUT = """
local function forget(key)
  redis.call('ZREM', KEYS[2], key)
  local size = redis.call('HGET', KEYS[3], key)
  if size then
    redis.call('HDEL', KEYS[3], key)
    redis.call('DECRBY', KEYS[4], size)
  end
end
forget(ARGV[1])
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[4], 'LIMIT', 0, 1000)) do forget(key) end
if ARGV[3] == '0' then
  redis.call('DEL', KEYS[1])
  return 0
end
redis.call('HINCRBY', KEYS[5], 'hits:' .. ARGV[6], 0)
local room = ARGV[5] - #ARGV[2]
while tonumber(redis.call('GET', KEYS[4]) or 0) > room do
  local soonest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
  if not soonest then break end
  forget(soonest)
  redis.call('DEL', ARGV[7] .. soonest)
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[4] + ARGV[3] / 1000, ARGV[1])
redis.call('HSET', KEYS[3], ARGV[1], #ARGV[2])
redis.call('INCRBY', KEYS[4], #ARGV[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the seconds it has left."""

    value: bytes
    left_s: float


class RedisCache:
    """The ByteCache port; a Redis that fails is an empty cache, and is left alone for a while."""

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis: Any = redis
        self._timeout_s = float(redis.connection_pool.connection_kwargs.get("socket_timeout") or 2.0)
        self._base = f"{{{prefix}}}:cache"
        self._max_bytes = max_bytes
        self._clock = clock
        self._breaker = Breaker()
        self._put = self._redis.register_script(_PUT)
        self._told_at = clock()
        self._untold: Counter[str] = Counter()
        self.failures = 0

    async def get(self, level: str, key: str) -> bytes | None:
        found = await self.find(level, key)
        return None if found is None else found.value

    async def find(self, level: str, key: str) -> Found | None:
        """The value with the time it has left."""
        name = f"{self._base}:{level}:{key}"
        pipe = self._redis.pipeline(transaction=True)
        pipe.get(name).pttl(name)
        value, left_ms = await self._try(pipe.execute(), (None, 0))
        found = None if value is None or left_ms <= 0 else Found(value, left_ms / 1000)
        await self.count(level, found is not None)
        return found

    async def put(self, level: str, key: str, value: bytes, ttl_s: float) -> None:
        """What is larger than 64 MiB or the level's bound, or has no time to live, is not kept."""
        if len(value) <= min(MAX_VALUE_BYTES, self._max_bytes):
            await self._write(level, key, value, max(0, int(1000 * ttl_s)))

    async def drop(self, level: str, key: str) -> None:
        await self._write(level, key, b"", 0)

    async def count(self, level: str, hit: bool) -> None:
        """Note a hit or miss, of this tier or one in front; told to Redis together with others, about once a second."""
        self._untold[f"{'hits' if hit else 'misses'}:{level}"] += 1
        if self._clock() - self._told_at >= FLUSH_S:
            await self._tell()

    async def figures(self) -> dict[str, LevelFigures]:
        """Of all processes; of none while Redis is away."""
        await self._tell()
        counts: Mapping[bytes, bytes] = await self._try(self._redis.hgetall(f"{self._base}!counts"), {})
        levels = sorted({name.decode().partition(":")[2] for name in counts})
        return {level: await self._level(level, counts) for level in levels}

    async def healthy(self) -> bool:
        return bool(await self._try(self._redis.ping(), False))

    async def _level(self, level: str, counts: Mapping[bytes, bytes]) -> LevelFigures:
        await self._write(level, "", b"", 0)  # what has run out leaves the books
        pipe = self._redis.pipeline(transaction=False)
        pipe.zcard(f"{self._base}:{level}!expiry").get(f"{self._base}:{level}!bytes")
        entries, size = await self._try(pipe.execute(), (0, None))
        hits, misses = (int(counts.get(f"{kind}:{level}".encode(), 0)) for kind in ("hits", "misses"))
        return LevelFigures(hits, misses, int(entries), int(size or 0))

    async def _write(self, level: str, key: str, value: bytes, ttl_ms: int) -> None:
        space = f"{self._base}:{level}"
        keys = [f"{space}:{key}", f"{space}!expiry", f"{space}!sizes", f"{space}!bytes", f"{self._base}!counts"]
        args: list[str | bytes | float] = [key, value, ttl_ms, time.time(), self._max_bytes, level, f"{space}:"]
        await self._try(self._put(keys=keys, args=args), 0)

    async def _tell(self) -> None:
        self._told_at = self._clock()
        told, self._untold = self._untold, Counter()
        if not told:
            return
        pipe = self._redis.pipeline(transaction=True)
        for name, count in told.items():
            pipe.hincrby(f"{self._base}!counts", name, count)
        if await self._try(pipe.execute(), None) is None:
            self._untold += told

    async def _try(self, call: Awaitable[T], otherwise: T) -> T:
        """The call's answer, or `otherwise` when Redis fails, is too slow, or failed a moment ago."""
        if not self._breaker.allows(self._clock()):
            _discard(call)
            return otherwise
        try:
            answer = await asyncio.wait_for(call, self._timeout_s)
        except (RedisError, OSError, asyncio.TimeoutError):
            self.failures += 1
            self._breaker.failed(self._clock())
            return otherwise
        self._breaker.worked()
        return answer


def _discard(call: Awaitable[Any]) -> None:
    """Close a coroutine that will not run."""
    close = getattr(call, "close", None)
    if close is not None:
        close()
