"""How often: a caller and a class of route come in; a permit, or how long to wait for one, goes out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

from cachetools import LRUCache
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond

from app.access.forwarded import network_of
from app.errors import RateLimited, StoreUnavailable
from app.redis.local_windows import LocalWindows
from app.redis.rate_windows import Granted, Window, Windows
from app.settings.limits import Limits, Rate, RouteClass
from app.types import Caller

HELD_S: Final = 5.0
"""Permits may be taken ahead, and are of use for so long: what is not used by then is lost."""
AHEAD: Final[Mapping[RouteClass, Mapping[int, int]]] = {
    "read": {60: 20, 1: 4},
    "stats": {60: 20, 1: 4},
    "submit": {60: 100, 1: 20},
}
"""By a window's seconds: at most this part of its limit is taken ahead; none of a smaller limit, which is exact."""
AWAY_S: Final = 1.0  # so long after Redis did not answer it is not asked again
KNOWN: Final = 10_000  # callers


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands with the requests of its tightest limit; `refused`: this one is over it."""

    limit: int
    remaining: int
    reset_s: float  # until nothing of the limit is used, if nothing more is asked
    refused: RateLimited | None = None


@dataclass(slots=True)
class _Account:
    """What one kind of caller is held to, and the permits that it has been given ahead."""

    windows: tuple[Window, ...]
    names: tuple[str, ...]  # of the limits, as in the settings
    most_ahead: int
    held: int = 0
    asks_for: int = 1  # permits at the next time
    until: float = 0.0
    full_until: float = 0.0
    last: Granted | None = None
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


async def _no_sync() -> None:
    """A clock that follows no other."""


class RateLimiter:
    """Counts requests in windows that all Routers share.

    Who asks often is given a few permits ahead, twice as many as were used up in time before, so that most requests ask
    nobody. So in any window a Router may let through as much more than the limit as AHEAD says, for each caller and
    address: of those that look a twentieth of a minute's, of those for videos a hundredth. As much less gets through
    where permits are not used. Who has been refused is refused here until there can be room.
    """

    def __init__(
        self,
        limits: Limits,
        windows: Windows,
        clock: Callable[[], float],
        sync: Callable[[], Awaitable[None]] = _no_sync,
        without_redis: Literal["open", "closed"] = "open",
    ) -> None:
        self._limits = limits
        self._windows = windows
        self._clock = clock
        self._sync = sync
        self._closed = without_redis == "closed"
        self._alone = LocalWindows()
        self._away_until = 0.0
        self._accounts: LRUCache[tuple[str, str | None, str, RouteClass], _Account] = LRUCache(KNOWN)

    async def take(self, caller: Caller, route: RouteClass) -> Standing | None:
        """One request of the caller; None: nothing limits it. Raises StoreUnavailable, where that is to refuse."""
        account = self._account(caller, route)
        if not account.windows:
            return None
        now = self._clock()
        if account.full_until > now:
            return _refused(account, now)
        if account.held == 0 or account.until <= now:
            async with account.asking:
                if account.held == 0 or account.until <= now:  # nobody has asked meanwhile
                    with suppress(StoreUnavailable):  # the windows' answer decides
                        await self._sync()
                    now = self._clock()
                    await self._ask(account, now)
                    if account.held == 0:
                        return _refused(account, now)
                account.held -= 1
                return _standing(account, now)
        account.held -= 1
        return _standing(account, now)

    def _account(self, caller: Caller, route: RouteClass) -> _Account:
        who = (caller.tenant, caller.key_id, caller.address, route)
        found = self._accounts.get(who)
        if found is None:
            found = self._accounts[who] = account_of(self._limits, caller, route)
        return found

    async def _ask(self, account: _Account, now: float) -> None:
        """Take permits: one, or as many as were used up in time, doubled."""
        spent = account.held == 0
        account.asks_for = min(account.most_ahead, 2 * account.asks_for) if spent and account.until > now else 1
        granted = await self._granted(account.windows, account.asks_for, now)
        account.last, account.held, account.until = granted, granted.amount, now + HELD_S
        account.full_until = 0.0 if granted.amount else now + granted.wait_s

    async def _granted(self, windows: Sequence[Window], most: int, now: float) -> Granted:
        if self._away_until <= now:
            try:
                return await self._windows.take(windows, most, now)
            except StoreUnavailable:
                self._away_until = now + AWAY_S
                if self._closed:
                    raise
        elif self._closed:
            raise StoreUnavailable("Redis does not answer, and nothing is let through uncounted.")
        return await self._alone.take(windows, most, now)


def account_of(limits: Limits, caller: Caller, route: RouteClass) -> _Account:
    """What this caller is held to on such a route."""
    network = network_of(caller.address) if caller.address else ""
    rates: list[tuple[str, str, Rate | None]] = [
        (f"tenant/{caller.tenant}", "tenant", limits.of_tenant(caller.tenant).rates.get(route)),
        (f"key/{caller.key_id}", "key", limits.of_key(caller.key_id).rates.get(route)),
    ]
    if network:
        rates.append((f"address/{network}", "address", limits.address.get(route)))
    windows: list[Window] = []
    names: list[str] = []
    for whose, kind, rate in rates:
        for name, item in _items(rate):
            windows.append(Window(item, f"{route}/{whose}"))
            names.append(f"limits.{kind}.{'' if kind == 'address' else 'rates.'}{route}.{name}")
    ahead = [max(1, each.item.amount // AHEAD[route][each.item.get_expiry()]) for each in windows]
    return _Account(tuple(windows), tuple(names), min(ahead, default=1))


def _items(rate: Rate | None) -> tuple[tuple[str, RateLimitItem], ...]:
    return () if rate is None else _items_of(rate.per_minute, rate.burst)


@lru_cache(maxsize=1024)
def _items_of(per_minute: int | None, burst: int | None) -> tuple[tuple[str, RateLimitItem], ...]:
    """Made once for all callers that have the same."""
    found: list[tuple[str, RateLimitItem]] = []
    if per_minute is not None:
        found.append(("per_minute", RateLimitItemPerMinute(per_minute)))
    if burst is not None:
        found.append(("burst", RateLimitItemPerSecond(burst)))
    return tuple(found)


def _tightest(account: _Account, counts: Sequence[int]) -> int:
    """The place of the window with the least room, the longest of those."""
    places = range(len(account.windows))
    return min(
        places,
        key=lambda at: (account.windows[at].item.amount - counts[at], -account.windows[at].item.get_expiry()),
    )


def _standing(account: _Account, now: float) -> Standing:
    assert account.last is not None, "permits were taken"
    at = _tightest(account, account.last.counts)
    item = account.windows[at].item
    left = item.amount - account.last.counts[at] + account.held
    return Standing(item.amount, max(0, left), max(0.0, item.get_expiry() - (now - account.last.newest[at])))


def _refused(account: _Account, now: float) -> Standing:
    assert account.last is not None, "they were asked for"
    at = _tightest(account, account.last.counts)
    item = account.windows[at].item
    per = "minute" if item.get_expiry() == 60 else "second"
    message = f"Too many requests: {item.amount} a {per} are allowed ({account.names[at]})."
    wait_s = max(0.001, account.full_until - now)
    reset_s = max(0.0, item.get_expiry() - (now - account.last.newest[at]))
    return Standing(item.amount, 0, reset_s, RateLimited(message, account.names[at], retry_after_s=wait_s))
