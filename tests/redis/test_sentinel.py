"""Redis found through sentinels: what is written goes to the master, also to the next one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from app.cache.redis import RedisCache
from app.errors import StoreUnavailable
from app.jobs.redis.jobs import RedisJobs
from app.redis.connection import connect, sentinel_place
from tests.jobs.make import a_job
from tests.sentinels import Watched

pytestmark = pytest.mark.anyio


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    started = Watched(tmp_path)
    try:
        started.start()
        yield started
    finally:
        started.stop()


async def test_jobs_and_caches_go_on_when_the_master_dies(watched: Watched) -> None:
    redis = connect(watched.url, 2.0)
    jobs, cache = RedisJobs(redis, "p", 60.0), RedisCache(redis, "p")
    before, after = a_job(), a_job()
    await jobs.create(before)
    await cache.put("results", "key", b"x", 600.0)
    await redis.wait(1, 2000)  # the replica has them too
    watched.kill(watched.servers[0])
    watched.kill(watched.watchers[0])  # and a sentinel with it
    with pytest.raises(StoreUnavailable):
        await jobs.ping()
    until = time.monotonic() + 30
    while True:
        try:
            await jobs.create(after)
            break
        except StoreUnavailable:
            assert time.monotonic() < until
            await anyio.sleep(0.2)
    assert [(await jobs.get(each.id)).id for each in (before, after)] == [before.id, after.id]
    while await cache.get("results", "key") != b"x":  # its breaker looks again by itself
        assert time.monotonic() < until
        await anyio.sleep(0.2)
    await redis.aclose()


async def test_news_are_waited_for_through_sentinels_too(watched: Watched) -> None:
    redis = connect(watched.url, 1.0)
    await redis.rpush("list", "x")
    assert await redis.patient.blpop(["list"], 1) == (b"list", b"x")
    assert await redis.patient.blpop(["list"], 1) is None
    await redis.aclose()


async def test_nobody_there_is_a_store_that_does_not_answer() -> None:
    redis = connect("redis+sentinel://127.0.0.1:1,127.0.0.1:2/jobs", 0.5)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await RedisJobs(redis, "p", 60.0).ping()
    assert time.monotonic() - began < 1.5
    await redis.aclose()


def test_a_sentinel_url_says_all_there_is_to_know() -> None:
    place = sentinel_place("rediss+sentinel://me:p%40ss@a:1,[::1]:2,c/jobs/3?sentinel_password=w&sentinel_username=u")
    assert (place.watchers, place.service, place.tls) == ((("a", 1), ("::1", 2), ("c", 26379)), "jobs", True)
    assert place.login == {"db": 3, "username": "me", "password": "p@ss"}
    assert place.watcher_login == {"username": "u", "password": "w"}
    assert sentinel_place("redis+sentinel://a/jobs").login == {"db": 0, "username": None, "password": None}


@pytest.mark.parametrize(
    "wrong",
    [
        "redis+sentinel://a",
        "redis+sentinel:///jobs",
        "redis+sentinel://a/jobs/x",
        "redis+sentinel://a/jobs/1/2",
        "redis+sentinel://a:x/jobs",
        "redis+sentinel://a,,b/jobs",
        "sentinel://a/jobs",
    ],
)
def test_what_is_no_url_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # redis-py's own for the last
        connect(wrong, 1.0)
