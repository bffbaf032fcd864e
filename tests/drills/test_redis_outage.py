"""A Redis that is stopped, or hangs, and comes back: jobs, signals and caches go on by themselves."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.cache.redis import RedisCache
from app.errors import StoreUnavailable
from app.jobs.redis.jobs import RedisJobs
from app.jobs.redis.stops import RedisStops
from app.redis.connection import Client, connect
from cluster.redis import LocalRedis
from tests.jobs.make import a_job
from tests.waiting import until

pytestmark = pytest.mark.anyio

TIMEOUT_S = 1.0
JOB = a_job()


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[tuple[LocalRedis, Client]]:
    server = LocalRedis(tmp_path / "redis")
    server.start()
    client = connect(server.url, 5.0)  # as long as a busy machine may need
    yield server, client
    await client.aclose()
    server.stop()


async def blocked(redis: Client) -> bool:
    """Whether somebody waits for work at the server."""
    return bool((await redis.info("clients"))["blocked_clients"])


async def test_everything_works_again_after_a_restart(own: tuple[LocalRedis, Client]) -> None:
    server, redis = own
    jobs, stops = RedisJobs(redis, "p"), RedisStops(redis, "p")
    heard = asyncio.ensure_future(anext(stops.listen()))
    job = a_job()
    await jobs.create(job)
    await jobs.wait_for_work(1.0)
    sleeper = asyncio.ensure_future(jobs.wait_for_work(10.0))
    await until(lambda: blocked(redis))
    await asyncio.to_thread(server.stop)
    with pytest.raises(StoreUnavailable):
        await jobs.get(job.id)
    with pytest.raises(StoreUnavailable):
        await sleeper
    await asyncio.to_thread(server.start)
    assert await jobs.get(job.id) == job
    assert (await jobs.lease(job.id, "main", 30.0, 1.0)).fence == 1

    async def told() -> bool:
        await stops.send(job.id)
        return heard.done()

    await until(told)  # the listener comes back by itself
    assert heard.result() == job.id


async def test_a_server_that_hangs_for_a_while_is_used_again(own: tuple[LocalRedis, Client]) -> None:
    redis = connect(own[0].url, TIMEOUT_S)
    jobs = RedisJobs(redis, "p")
    await jobs.create(JOB)
    pid = int((await redis.info("server"))["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        answers = await asyncio.gather(*(jobs.get(JOB.id) for _ in range(100)), return_exceptions=True)
        assert time.monotonic() - begun < TIMEOUT_S + 2.0
        assert {type(answer) for answer in answers} == {StoreUnavailable}
    finally:
        os.kill(pid, signal.SIGCONT)
    assert await asyncio.gather(*(jobs.get(JOB.id) for _ in range(100))) == [JOB] * 100
    await redis.aclose()


async def test_the_cache_is_back_when_redis_is(own: tuple[LocalRedis, Client]) -> None:
    server, redis = own
    now = 0.0
    cache = RedisCache(redis, "p", clock=lambda: now)
    await cache.put("results", "key", b"x", 60.0)
    await asyncio.to_thread(server.stop)
    assert await cache.get("results", "key") is None
    await asyncio.to_thread(server.start)
    assert await cache.get("results", "key") is None  # not asked yet
    now = 1.1
    assert await cache.get("results", "key") == b"x"
    assert await cache.healthy()
    assert (await cache.figures())["results"].misses == 2  # counted while it was away
