"""What every ByteCache promises: in memory, in a real Redis, and one over the other."""

from __future__ import annotations

import pytest

from app.cache.memory import MemoryCache
from app.cache.off import NoCache
from app.cache.redis import RedisCache
from app.cache.store import ByteCache, LevelFigures
from app.cache.tiered import TieredCache
from app.redis.connection import Client
from tests.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.redis) for name in ("redis", "tiered"))])
def cache(request: pytest.FixtureRequest) -> ByteCache:
    if request.param == "memory":
        return MemoryCache(1000)
    redis: Client = request.getfixturevalue("redis")
    shared = RedisCache(redis, request.getfixturevalue("prefix"), max_bytes=1000)
    return shared if request.param == "redis" else TieredCache(MemoryCache(500), shared)


async def test_bytes_are_kept_by_level_and_key(cache: ByteCache) -> None:
    await cache.put("results", "key", b"\x00\xff", 60.0)
    assert await cache.get("results", "key") == b"\x00\xff"
    assert await cache.get("results", "key") == b"\x00\xff"
    assert await cache.get("embeddings", "key") is None
    assert await cache.get("results", "other") is None
    assert await cache.figures() == {"results": LevelFigures(2, 1, 1, 2), "embeddings": LevelFigures(0, 1, 0, 0)}
    assert await cache.healthy()


async def test_what_is_put_again_replaces_what_was(cache: ByteCache) -> None:
    await cache.put("results", "key", b"long ago", 60.0)
    await cache.put("results", "key", b"now", 60.0)
    assert await cache.get("results", "key") == b"now"
    assert (await cache.figures())["results"] == LevelFigures(1, 0, 1, 3)


async def test_what_is_dropped_is_forgotten(cache: ByteCache) -> None:
    await cache.put("results", "key", b"x", 60.0)
    await cache.drop("results", "key")
    await cache.drop("results", "never")
    assert await cache.get("results", "key") is None
    assert (await cache.figures())["results"] == LevelFigures(0, 1, 0, 0)


async def test_nothing_outlives_its_time(cache: ByteCache) -> None:
    await cache.put("results", "key", b"x", 0.02)
    await cache.put("results", "none", b"x", 0.0)
    await cache.put("embeddings", "later", b"x", 0.02)

    async def over() -> bool:
        return await cache.get("embeddings", "later") is None

    await until(over, 5.0)
    assert await cache.get("results", "key") is None
    assert await cache.get("results", "none") is None
    assert (await cache.figures())["results"] == LevelFigures(0, 2, 0, 0)


async def test_the_size_is_bounded(cache: ByteCache) -> None:
    for number in range(20):
        await cache.put("results", str(number), bytes(100), 60.0 + number)
    await cache.put("results", "huge", bytes(1001), 60.0)
    figures = await cache.figures()
    held = [number for number in range(20) if await cache.get("results", str(number)) is not None]
    assert held == list(range(10, 20))
    if figures:
        assert (figures["results"].entries, figures["results"].size_bytes) == (10, 1000)


async def test_what_was_used_lately_stays_in_memory() -> None:
    cache = MemoryCache(300)
    for key in "abc":
        await cache.put("results", key, bytes(100), 60.0)
    await cache.get("results", "a")
    await cache.put("results", "d", bytes(100), 60.0)
    assert [await cache.get("results", key) is not None for key in "abcd"] == [True, False, True, True]


async def test_memory_goes_by_the_clock_it_is_given() -> None:
    now = 0.0
    cache = MemoryCache(300, clock=lambda: now)
    await cache.put("results", "a", b"x", 10.0)
    now = 9.9
    assert await cache.get("results", "a") == b"x"
    now = 10.0
    assert await cache.get("results", "a") is None


async def test_another_process_finds_what_one_has_kept(redis: Client, prefix: str) -> None:
    one = TieredCache(MemoryCache(500), RedisCache(redis, prefix))
    memory = MemoryCache(500)
    two = TieredCache(memory, RedisCache(redis, prefix))
    await one.put("results", "key", b"x", 0.2)
    assert await two.get("results", "key") == b"x"
    assert memory.look("results", "key") == b"x"

    async def over() -> bool:
        return memory.look("results", "key") is None

    await until(over, 5.0)  # filled with the time that was left, not a new lease of life


async def test_counts_are_shared_and_outlive_a_process(redis: Client, prefix: str) -> None:
    for _ in range(2):
        cache = TieredCache(MemoryCache(500), RedisCache(redis, prefix))
        await cache.put("results", "key", b"x", 60.0)
        await cache.get("results", "key")
        await cache.get("results", "none")
        await cache.figures()
    assert (await RedisCache(redis, prefix).figures())["results"] == LevelFigures(2, 2, 1, 1)


async def test_a_cache_switched_off_is_empty() -> None:
    cache = NoCache()
    await cache.put("results", "key", b"x", 60.0)
    await cache.drop("results", "key")
    assert (await cache.get("results", "key"), await cache.figures(), await cache.healthy()) == (None, {}, True)
