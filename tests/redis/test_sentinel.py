"""Redis found through sentinels: what is written goes to the master, also to the next one."""

from __future__ import annotations

import time

import pytest

from app.errors import StoreUnavailable
from app.jobs.redis.jobs import RedisJobs
from app.redis.connection import connect, sentinel_place

pytestmark = pytest.mark.anyio


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
