"""A Redis that could lose jobs is refused, and says why."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import nullcontext

import pytest

from app.errors import NoReplica, StoreUnavailable, UnsafeStore
from app.redis.connection import Client, Replicas, connect
from app.redis.safety import danger, forgetful, refuse_what_loses_jobs
from tests.redis_pair import Pair

pytestmark = pytest.mark.anyio
SET_USER = ("ACL", "SETUSER", "managed", "on", ">told", "~*", "&*", "+@all", "-config")


@pytest.mark.parametrize(
    ("most", "policy", "safe"),
    [
        (0, "noeviction", True),
        (0, "allkeys-lru", True),
        (2**30, "noeviction", True),
        (2**30, "allkeys-lru", False),
        (2**30, "allkeys-lfu", False),
        (2**30, "volatile-ttl", False),
        (2**30, "volatile-lru", False),
    ],
)
def test_only_a_redis_that_evicts_nothing_may_keep_jobs(most: int, policy: str, safe: bool) -> None:
    assert (danger({"maxmemory": most, "maxmemory_policy": policy}) is None) is safe


@pytest.fixture
async def evicting(redis: Client) -> AsyncIterator[Client]:
    await redis.config_set("maxmemory", 2**30)
    await redis.config_set("maxmemory-policy", "volatile-lfu")
    yield redis
    await redis.config_set("maxmemory", 0)
    await redis.config_set("maxmemory-policy", "noeviction")


async def test_a_real_redis_is_asked(evicting: Client) -> None:
    with pytest.raises(UnsafeStore, match="volatile-lfu.*KINORAY_CACHE_REDIS_URL"):
        await refuse_what_loses_jobs(evicting)
    await evicting.config_set("maxmemory-policy", "noeviction")
    await refuse_what_loses_jobs(evicting)


async def test_a_redis_that_writes_nothing_down_is_used_and_talked_about(redis: Client) -> None:
    assert await refuse_what_loses_jobs(redis) is None
    await redis.config_set("appendonly", "no")
    try:
        assert "appendonly yes" in str(await refuse_what_loses_jobs(redis))
    finally:
        await redis.config_set("appendonly", "yes")
    assert forgetful({}) is None  # it does not say


async def test_a_redis_that_holds_writes_back_is_named_where_it_tells(redis: Client, redis_url: str) -> None:
    await redis.config_set("appendfsync", "everysec")
    await redis.execute_command(*SET_USER)  # type: ignore[no-untyped-call]
    managed = connect(re.sub(r"//[^@]*@|//", "//managed:told@", redis_url, count=1), 5.0)
    try:
        assert "appendfsync everysec" in str(await refuse_what_loses_jobs(redis))
        assert await refuse_what_loses_jobs(managed) is None
    finally:
        await managed.aclose()
        await redis.execute_command("ACL", "DELUSER", "managed")  # type: ignore[no-untyped-call]
        await redis.config_set("appendfsync", "always")


async def test_a_redis_without_the_replica_that_is_asked_for_is_refused(redis: Client, redis_url: str) -> None:
    await refuse_what_loses_jobs(redis)
    alone = connect(redis_url, 5.0, Replicas())
    with pytest.raises(NoReplica, match="KINORAY_DURABILITY=replicated asks for 1 .* has no replica"):
        await refuse_what_loses_jobs(alone, within_s=0.1)
    await alone.aclose()


@pytest.mark.redis
async def test_a_redis_with_a_replica_may_promise_and_the_replica_itself_takes_no_jobs(pair: Pair) -> None:
    for url, replicas, why in ((pair.url, 1, None), (pair.url, 2, "1 of 2"), (pair.replica_url, 1, "is a replica of")):
        client = connect(url, 5.0, Replicas(replicas))
        with nullcontext() if why is None else pytest.raises(UnsafeStore, match=why):
            await refuse_what_loses_jobs(client, within_s=0.1)
        await client.aclose()


async def test_a_redis_that_does_not_answer_is_not_called_unsafe() -> None:
    redis = connect("redis://127.0.0.1:1", 0.3)
    with pytest.raises(StoreUnavailable) as caught:
        await refuse_what_loses_jobs(redis)
    assert not isinstance(caught.value, UnsafeStore)
    await redis.aclose()
