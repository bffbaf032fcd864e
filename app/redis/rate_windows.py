"""Moving windows that all processes share: a storage of the `limits` package, over our own way to Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from limits import RateLimitItem
from limits.aio.storage import MovingWindowSupport, Storage
from limits.aio.storage.redis.bridge import RedisBridge

from app.errors import StoreUnavailable
from app.redis.commands import Commands
from app.redis.connection import Client
from app.redis.replies import Word

SCHEME: Final = "async+kinoray"

# As the package's own script for one window, and its entries are the same: a list of times, the newest first. But of
# several windows at once, all or none, and as many entries as fit into each of them, `most` of them at best.
# KEYS window …; ARGV now most (limit expiry) …
TAKE = """
local now, granted, wait = tonumber(ARGV[1]), tonumber(ARGV[2]), 0
local counts, newest = {}, {}
for i, key in ipairs(KEYS) do
  local limit, since = tonumber(ARGV[2 * i + 1]), now - tonumber(ARGV[2 * i + 2])
  local low, high = 0, redis.call('LLEN', key)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if tonumber(redis.call('LINDEX', key, middle)) > since then low = middle + 1 else high = middle end
  end
  counts[i] = low
  newest[i] = low > 0 and redis.call('LINDEX', key, 0) or ARGV[1]
  granted = math.min(granted, limit - low)
  if low >= limit then wait = math.max(wait, tonumber(redis.call('LINDEX', key, limit - 1)) - since) end
end
granted = math.max(granted, 0)
local answer = {granted, tostring(wait)}
for i, key in ipairs(KEYS) do
  for _ = 1, granted do redis.call('LPUSH', key, ARGV[1]) end
  if granted > 0 then
    redis.call('LTRIM', key, 0, tonumber(ARGV[2 * i + 1]) - 1)
    redis.call('EXPIRE', key, ARGV[2 * i + 2])
    newest[i] = ARGV[1]
  end
  answer[#answer + 1] = counts[i] + granted
  answer[#answer + 1] = newest[i]
end
return answer
"""


ACQUIRE, MOVING_WINDOW, CLEAR, INCR = (
    script.decode()
    for script in (
        RedisBridge.SCRIPT_ACQUIRE_MOVING_WINDOW,
        RedisBridge.SCRIPT_MOVING_WINDOW,
        RedisBridge.SCRIPT_CLEAR_KEYS,
        RedisBridge.SCRIPT_INCR_EXPIRE,
    )
)
"""The package's own scripts."""


@dataclass(frozen=True, slots=True)
class Window:
    """A limit on requests, and whose they are; `key` is its name among all windows."""

    item: RateLimitItem
    whose: str
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.item.key_for(self.whose))  # once; a cached property takes a lock each time


class Granted(NamedTuple):
    """What was taken out of some windows at once: `amount` entries of each, none while one of them is full."""

    amount: int
    wait_s: float  # until one entry fits into each; 0.0 where some were taken
    counts: tuple[int, ...]  # entries in each by now
    newest: tuple[float, ...]  # when the last entry of each was made, Unix seconds


class Windows(Protocol):
    """Moving windows: of each, no more than its limit of entries is ever younger than its time."""

    async def take(self, windows: Sequence[Window], most: int, now: float) -> Granted:
        """Enter up to `most` entries into all of the windows at once. Raises StoreUnavailable."""
        ...


class RedisWindows(Storage, MovingWindowSupport):
    """The Windows port, and what `limits.aio.strategies.MovingWindowRateLimiter` works with."""

    STORAGE_SCHEME = [SCHEME]

    def __init__(
        self,
        uri: str = f"{SCHEME}://",
        wrap_exceptions: bool = False,
        *,
        redis: Client,
        prefix: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(uri, wrap_exceptions)
        self._commands = Commands(redis)
        self._prefix = prefix
        self._clock = clock

    async def take(self, windows: Sequence[Window], most: int, now: float) -> Granted:
        args: list[Word] = [repr(now), most]
        for window in windows:
            args += [window.item.amount, window.item.get_expiry()]
        answer = await self._commands.run(TAKE, [self._key(window.key) for window in windows], args)
        counts, newest = answer[2::2], answer[3::2]
        return Granted(int(answer[0]), float(answer[1]), tuple(map(int, counts)), tuple(map(float, newest)))

    @property
    def base_exceptions(self) -> type[Exception]:
        return StoreUnavailable

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        args: list[Word] = [repr(self._clock()), limit, expiry, amount]
        return bool(await self._commands.run(ACQUIRE, [self._key(key)], args))

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        now = self._clock()
        args: list[Word] = [repr(now - expiry), limit]
        found = await self._commands.run(MOVING_WINDOW, [self._key(key)], args)
        return (float(found[0]), int(found[1])) if found else (now, 0)

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return int(await self._commands.run(INCR, [self._key(key)], [expiry, amount]))

    async def get(self, key: str) -> int:
        return int(await self._commands.call("GET", self._key(key)) or 0)

    async def get_expiry(self, key: str) -> float:
        return max(0, int(await self._commands.call("TTL", self._key(key)))) + self._clock()

    async def clear(self, key: str) -> None:
        await self._commands.call("DEL", self._key(key))

    async def check(self) -> bool:
        try:
            await self._commands.call("PING")
        except StoreUnavailable:
            return False
        return True

    async def reset(self) -> int | None:
        return int(await self._commands.run(CLEAR, [self._key("*")], []))

    def _key(self, key: str) -> str:
        return f"{{{self._prefix}}}:rate:{key}"
