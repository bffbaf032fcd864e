"""Moving windows, in this process and in a real Redis, held to what a moving window is."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, cast

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.storage import storage_from_string

from app.redis.connection import Client, connect
from app.redis.local_windows import LocalWindows
from app.redis.rate_windows import SCHEME, RedisWindows, Window, Windows
from cluster.redis import LocalRedis
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio

MINUTE, SECOND = RateLimitItemPerMinute, RateLimitItemPerSecond
Calls = list[tuple[float, int]]  # seconds since the one before, entries asked for
CALLS = st.lists(st.tuples(st.floats(0, 40).map(lambda each: round(each, 2)), st.integers(1, 4)), max_size=25)


@pytest.fixture(params=MEMORY_AND_REDIS)
def windows(request: pytest.FixtureRequest) -> Windows:
    if request.param == "memory":
        return LocalWindows()
    return RedisWindows(redis=request.getfixturevalue("redis"), prefix=request.getfixturevalue("prefix"))


async def hold_to_what_a_window_is(windows: Windows, limit: int, burst: int, calls: Calls) -> None:
    pair = (Window(MINUTE(limit), "k"), Window(SECOND(burst), "k"))
    entries: list[float] = []
    now = 1e9
    for later, most in calls:
        now = round(now + later, 2)
        room = [window.item.amount - sum(at > now - window.item.get_expiry() for at in entries) for window in pair]
        granted = await windows.take(pair, most, now)
        assert granted.amount == max(0, min(most, *room)), "as many as fit, and none too few"
        entries += [now] * granted.amount
        if granted.amount == 0:
            assert 0 < granted.wait_s <= 60
            again = await windows.take(pair, 1, now + granted.wait_s + 1e-6)
            before = await windows.take(pair, 1, now + granted.wait_s - 1e-3) if again.amount == 0 else None
            assert again.amount == 1, f"there is room when it was said: {before}"
            return
        for window, count in zip(pair, granted.counts, strict=True):
            assert count == sum(at > now - window.item.get_expiry() for at in entries)


@given(st.integers(1, 12), st.integers(1, 5), CALLS)
def test_no_window_ever_holds_more_than_its_limit_and_none_is_refused_that_fits(
    limit: int, burst: int, calls: Calls
) -> None:
    anyio.run(hold_to_what_a_window_is, LocalWindows(), limit, burst, calls)


@settings(max_examples=40)
@given(st.integers(1, 12), st.integers(1, 5), CALLS)
def test_the_same_holds_of_those_in_redis(redis_server: LocalRedis, limit: int, burst: int, calls: Calls) -> None:
    redis_server.start()  # a test may have stopped it

    async def held() -> None:
        client = connect(redis_server.url, 5.0)
        try:
            windows = RedisWindows(redis=client, prefix=f"test-{uuid.uuid4().hex}")
            await hold_to_what_a_window_is(windows, limit, burst, calls)
        finally:
            await client.aclose()

    anyio.run(held)


async def counts(windows: Windows, taken: Sequence[Window], now: float) -> tuple[int, ...]:
    return (await windows.take(taken, 1, now)).counts


async def test_one_full_window_keeps_the_others_as_they_are(windows: Windows) -> None:
    small, large = Window(MINUTE(1), "a"), Window(MINUTE(10), "b")
    assert (await windows.take((small, large), 3, 100.0)).amount == 1
    refused = await windows.take((small, large), 1, 110.0)
    assert (refused.amount, refused.wait_s) == (0, 50.0)
    assert await counts(windows, (large,), 110.0) == (2,)


async def test_the_packages_own_limiter_counts_in_the_same_windows(redis: Client, prefix: str) -> None:
    made: Any = storage_from_string
    storage = cast(Storage, made(f"{SCHEME}://", redis=redis, prefix=prefix, clock=lambda: 1000.0))
    assert isinstance(storage, RedisWindows)
    limiter, item = MovingWindowRateLimiter(storage), MINUTE(3)
    assert await limiter.hit(item, "k")
    assert (await storage.take((Window(item, "k"),), 5, 1010.0)).amount == 2
    assert not await limiter.hit(item, "k")
    assert await limiter.get_window_stats(item, "k") == (1060.0, 0)
    assert await storage.check()
    assert await storage.incr("n", 60, 2) == 2 == await storage.get("n")
    await storage.reset()
    assert await limiter.hit(item, "k")
