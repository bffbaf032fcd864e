"""What the Cache deployment makes of a job store without the replica that was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import NoReplica
from app.jobs.redis.jobs import RedisJobs
from app.redis.connection import Client
from app.settings import Settings
from deployments.cache import Cache
from tests.jobs.make import a_job

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # it gives a replica 10 s to appear


async def test_it_does_not_start_unless_there_are_jobs_to_go_on_with(
    redis: Client, redis_url: str, prefix: str
) -> None:
    settings = Settings(redis_url=redis_url, redis_prefix=prefix, durability="replicated")
    cache: Any = Cache.__new__(Cache)
    with pytest.raises(NoReplica, match="has no replica"):
        await cache.__init__(settings)
    await RedisJobs(redis, prefix).create(a_job())
    await cache.__init__(settings)
    try:
        await cache.put("results", "key", b"x", 60.0)
        assert await cache.get("results", "key") == b"x"
    finally:
        await cache._background.close()
        await cache._shared._commands._redis.aclose()
