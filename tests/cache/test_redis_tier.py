"""The shared tier in a real Redis: who leaves it, what it says of itself, its versions, and a Redis that is full."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from app.cache.memory import MemoryCache
from app.cache.redis import RedisCache
from app.cache.store import LevelFigures
from app.cache.tiered import TieredCache
from app.jobs.redis.jobs import RedisJobs
from app.redis.connection import Client
from tests.jobs.make import a_job

pytestmark = pytest.mark.anyio


async def held(redis: Client, prefix: str) -> set[str]:
    keys = [key.decode() async for key in redis.scan_iter(f"*{prefix}*:cache:*:results:*")]
    return {key.rpartition(":")[2] for key in keys}


async def test_what_saves_most_for_its_bytes_stays(redis: Client, prefix: str) -> None:
    cache = RedisCache(redis, prefix, max_bytes=300)
    await cache.put("results", "dear", bytes(100), 60.0, worth=10.0)
    await cache.put("results", "large", bytes(200), 60.0, worth=10.0)
    await cache.put("results", "new", bytes(100), 60.0, worth=8.0)
    await cache.put("results", "poor", bytes(200), 60.0, worth=0.1)
    assert await held(redis, prefix) == {"dear", "new"}
    figures = (await cache.figures())["results"]
    assert (figures.entries, figures.size_bytes, figures.evictions) == (2, 200, 2)


async def test_uses_in_any_memory_count_in_redis_too(redis: Client, prefix: str) -> None:
    shared = RedisCache(redis, prefix, max_bytes=300)
    cache = TieredCache(MemoryCache(1000), shared)
    for key in "abc":
        await cache.put("results", key, bytes(100), 60.0, worth=1.0)
    for key in "aac":
        await cache.get("results", key)
    await cache.figures()  # tells
    await cache.put("results", "d", bytes(100), 60.0, worth=1.5)
    assert await held(redis, prefix) == {"a", "c", "d"}
    figures = (await cache.figures())["results"]
    assert (figures.hits, figures.saved_step_seconds, figures.evictions) == (3, 3.0, 1)


async def test_evictions_from_memory_are_told_apart(redis: Client, prefix: str) -> None:
    cache = TieredCache(MemoryCache(100), RedisCache(redis, prefix))
    for key in "abc":
        await cache.put("results", key, bytes(100), 60.0, worth=1.0)
    figures = (await cache.figures())["results"]
    assert (figures.evictions, figures.near_evictions, figures.entries) == (0, 2, 3)
    assert await cache.get("results", "a") == bytes(100)


async def test_another_version_reads_nothing_of_this_one(redis: Client, prefix: str) -> None:
    old, new = RedisCache(redis, prefix, version="1-0.1"), RedisCache(redis, prefix, version="1-0.2")
    await old.put("results", "key", b"old", 60.0)
    assert await new.get("results", "key") is None
    await new.put("results", "key", b"new", 60.0)
    assert (await old.get("results", "key"), await new.get("results", "key")) == (b"old", b"new")


async def test_the_books_of_a_version_that_is_gone_run_out(redis: Client, prefix: str) -> None:
    await RedisCache(redis, prefix, version="1-0.1").put("results", "key", b"x", 30.0)
    keys = [key async for key in redis.scan_iter(f"*{prefix}*:cache:*")]
    assert len(keys) >= 4
    assert all([0 < await redis.ttl(key) <= 91 for key in keys])


async def test_clearing_forgets_a_level_or_all(redis: Client, prefix: str) -> None:
    cache = TieredCache(MemoryCache(10**6), RedisCache(redis, prefix))
    for number in range(700):  # more than leave in one go
        await cache.put("results", str(number), b"x", 60.0)
    await cache.put("embeddings", "key", b"x", 60.0)
    await cache.get("results", "1")
    assert await cache.clear("results") == 700
    assert await cache.get("results", "1") is None
    assert await cache.get("embeddings", "key") == b"x"
    assert await cache.clear() == 1
    assert await cache.figures() == {
        "results": LevelFigures(hits=1, misses=1),
        "embeddings": LevelFigures(hits=1),
    }


@pytest.fixture
async def small(redis: Client) -> AsyncIterator[Client]:
    """A Redis that may take 8 MiB more than it has."""
    used = int((await redis.info("memory"))["used_memory"])
    await redis.config_set("maxmemory", used + 8 * 2**20)
    yield redis
    await redis.config_set("maxmemory", 0)


async def test_a_nearly_full_redis_gets_memory_back_from_the_cache(small: Client, prefix: str) -> None:
    cache, jobs = RedisCache(small, prefix), RedisJobs(small, prefix, 60.0)
    first, second = a_job(), a_job()
    await jobs.create(first)
    for number in range(200):
        await cache.put("results", f"poor{number}", bytes(100_000), 60.0, worth=0.1)
        await cache.put("embeddings", f"rich{number}", bytes(100), 60.0, worth=5.0)
    assert cache.failures > 0  # it was full
    assert await cache.relieve() > 0
    memory = await small.info("memory")
    assert memory["used_memory"] < 0.9 * memory["maxmemory"]
    assert await cache.get("embeddings", "rich1") is not None
    await jobs.create(second)
    assert [(await jobs.get(each.id)).id for each in (first, second)] == [first.id, second.id]
    figures = await cache.figures()
    assert figures["results"].evictions > 0
    assert figures["results"].size_bytes == 100_000 * figures["results"].entries


async def test_a_full_redis_is_still_asked(small: Client, prefix: str) -> None:
    cache = RedisCache(small, prefix)
    await cache.put("results", "key", b"x", 60.0)
    await small.config_set("maxmemory", 1)
    await cache.put("results", "other", b"x", 60.0)
    assert await cache.get("results", "key") == b"x"
    assert await cache.get("results", "other") is None
    assert await cache.relieve() == 1  # even so, it can give memory back
    await small.config_set("maxmemory", 0)
    assert (await cache.figures())["results"].size_bytes == 0


async def test_a_thousand_puts_into_a_full_level_are_quick(redis: Client, prefix: str) -> None:
    cache = RedisCache(redis, prefix, max_bytes=50_000)
    began = time.monotonic()
    for number in range(1000):
        await cache.put("results", str(number), bytes(500), 60.0, worth=float(number % 7))
    assert time.monotonic() - began < 10
    assert (await cache.figures())["results"].size_bytes <= 50_000
