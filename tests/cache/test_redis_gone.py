"""A dead Redis is an empty cache that costs nothing."""

from __future__ import annotations

import socket
import time

import pytest

from app.cache.breaker import Breaker
from app.cache.memory import MemoryCache
from app.cache.redis import RedisCache
from app.cache.tiered import TieredCache
from app.redis.connection import Client, connect

pytestmark = pytest.mark.anyio


async def test_a_hung_redis_is_waited_for_once() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        redis = connect(f"redis://127.0.0.1:{silent.getsockname()[1]}", 0.2)
        shared = RedisCache(redis, "p")
        cache = TieredCache(MemoryCache(1000), shared)
        begun = time.monotonic()
        for number in range(200):
            await cache.put("results", str(number), b"x", 60.0)
            assert await cache.get("results", str(number)) == b"x"
            assert await cache.get("results", "none") is None
        assert time.monotonic() - begun < 2.0
        assert shared.failures == 1
        assert not await cache.healthy()
        assert (await cache.figures())["results"].entries == 200
        await redis.aclose()


def test_the_breaker_lets_one_look_after_longer_and_longer_times() -> None:
    breaker, waits, now = Breaker(), [], 0.0
    assert breaker.allows(now)
    for _ in range(6):
        breaker.failed(now)
        failed_at = now
        while not breaker.allows(now):
            now += 0.25
        assert not breaker.allows(now)
        waits.append(now - failed_at)
    assert waits == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    breaker.worked()
    assert breaker.allows(now)
    assert breaker.allows(now)


def test_failures_that_come_together_count_once() -> None:
    breaker = Breaker()
    for _ in range(50):
        breaker.failed(5.0)
    assert breaker.allows(6.0)


async def test_a_key_of_another_kind_is_an_empty_cache_too(redis: Client, prefix: str) -> None:
    cache = RedisCache(redis, prefix)
    await redis.lpush(cache.book("results", "books"), "stranger")
    assert await cache.get("results", "key") is None
    await cache.put("results", "key", b"x", 60.0)
    assert cache.failures > 0
