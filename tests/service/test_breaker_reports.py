"""A cache whose Redis goes and comes back leaves both in the log."""

from __future__ import annotations

import pytest

from app.cache.redis import RedisCache
from app.health.recoveries import MemoryRecoveries
from app.health.redis_recoveries import RedisRecoveries
from app.redis.connection import Client, connect
from app.service.background import Background
from app.service.breaker_reports import BreakerReports
from cluster.redis import LocalRedis

pytestmark = pytest.mark.anyio


@pytest.mark.redis
async def test_the_breaker_of_a_redis_that_dies_and_is_started_again_is_in_the_log(
    redis_server: LocalRedis, redis_url: str, redis: Client, prefix: str
) -> None:
    now, background = 0.0, Background()
    quick = connect(redis_url, 0.3)
    log = RedisRecoveries(quick, prefix)  # in the same Redis, so away at the same time
    told = BreakerReports(log, background, lambda: 1_800_000_000.0 + now)
    cache = RedisCache(quick, prefix, clock=lambda: now, breaker_told=told)
    assert await cache.healthy()
    redis_server.stop()
    try:
        assert not await cache.healthy()
        assert await cache.get("results", "a") is None
        assert await background.settled(10.0)
    finally:
        redis_server.start()
    now += 1.5
    assert await cache.healthy()
    assert await background.settled(10.0)
    found = await RedisRecoveries(redis, prefix).recent(9)
    assert [(each.cause, each.change, each.at - 1_800_000_000.0) for each in found] == [
        ("cache_breaker", "ended", 1.5),
        ("cache_breaker", "began", 0.0),
    ]
    await quick.aclose()


async def test_a_breaker_that_stays_closed_reports_nothing() -> None:
    log, background = MemoryRecoveries(), Background()
    BreakerReports(log, background, lambda: 1.0)(False)
    assert await background.settled(5.0)
    assert await log.recent(9) == []
