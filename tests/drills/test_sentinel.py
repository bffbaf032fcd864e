"""Redis found through sentinels: what is written goes to the master, also to the next one when that has died."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.cache.redis import RedisCache
from app.errors import StoreUnavailable
from app.jobs.redis.jobs import RedisJobs
from app.jobs.redis.scripts import Keys
from app.redis.connection import connect
from tests.drills.sentinels import Watched, accepted
from tests.jobs.make import a_job
from tests.waiting import until, wait_until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    started = Watched(tmp_path_factory.mktemp("watched"))
    try:
        started.start()
        yield started
    finally:
        started.stop()


async def test_news_are_waited_for_through_sentinels_too(watched: Watched) -> None:
    redis = connect(watched.url, 1.0)
    await redis.rpush("list", "x")
    assert await redis.patient.blpop(["list"], 1) == (b"list", b"x")
    assert await redis.patient.blpop(["list"], 1) is None
    await redis.aclose()


async def test_a_sentinel_that_slept_through_a_failover_is_not_believed(watched: Watched) -> None:
    redis = connect(watched.url, 2.0)
    jobs, before = RedisJobs(redis, "p", 60.0), watched.master()
    await jobs.create(a_job())
    asleep, awake = watched.watchers[0], watched.watchers[1]
    watched.freeze(asleep)
    watched.ask(awake, "SENTINEL", "FAILOVER", "jobs")

    async def moved() -> bool:
        return redis.master_watch is not None and redis.master_watch.address not in (None, ("127.0.0.1", before))

    await until(moved)  # by the news of those that are awake, without a call
    watched.wake(asleep)
    job = a_job()
    await jobs.create(job)
    there = watched.ask(int(redis.master_watch.address[1]), "EXISTS", Keys("p").job(job.id))  # type: ignore[index, union-attr]
    assert there == 1
    await redis.aclose()
    wait_until(lambda: watched.follows(before or 0))


async def test_jobs_and_caches_go_on_when_the_master_dies(watched: Watched) -> None:
    redis = connect(watched.url, 2.0)
    jobs, cache = RedisJobs(redis, "p", 60.0), RedisCache(redis, "p")
    before, after = a_job(), a_job()
    await jobs.create(before)
    await cache.put("results", "key", b"x", 600.0)
    await redis.wait(1, 2000)  # the replica has them too
    watched.kill(watched.master() or 0)
    watched.kill(watched.watchers[0])  # and a sentinel with it
    with pytest.raises(StoreUnavailable):
        await jobs.ping()
    await until(lambda: accepted(jobs, after))
    assert [(await jobs.get(each.id)).id for each in (before, after)] == [before.id, after.id]

    async def kept() -> bool:
        return await cache.get("results", "key") == b"x"

    await until(kept)  # its breaker looks again by itself
    await redis.aclose()
