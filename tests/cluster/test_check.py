"""A service does not start on a Redis that is not there or that could lose jobs."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from app.redis.connection import Replicas
from app.settings import Settings
from cluster.checks import StartFailed, check_redis
from cluster.local import LocalService
from cluster.redis import LocalRedis
from tests.ports import free_port


@pytest.mark.redis
def test_a_redis_that_evicts_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    server = LocalRedis(tmp_path / "redis")
    server.start()
    try:
        check_redis(server.url, 2.0)
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory", 2**30)
            client.config_set("maxmemory-policy", "allkeys-lru")
        with pytest.raises(StartFailed, match="maxmemory-policy allkeys-lru"):
            check_redis(server.url, 2.0)
    finally:
        server.stop()


@pytest.mark.redis
def test_a_redis_without_a_replica_is_refused_where_jobs_are_to_be_replicated(tmp_path: Path) -> None:
    server = LocalRedis(tmp_path / "redis")
    server.start()
    try:
        with pytest.raises(StartFailed, match=r"KINORAY_DURABILITY=replicated asks for 1 other .* has no replica"):
            check_redis(server.url, 2.0, Replicas())
    finally:
        server.stop()


def test_the_own_redis_is_not_started_where_jobs_are_to_be_replicated(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, port=free_port(), durability="replicated")
    with pytest.raises(StartFailed, match="KINORAY_DURABILITY=replicated needs a Redis with a replica"):
        LocalService(settings).start()


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", "http://127.0.0.1", "redis+sentinel://127.0.0.1"])
def test_a_redis_that_cannot_be_reached_is_said_so(url: str) -> None:
    with pytest.raises(StartFailed, match="KINORAY_REDIS_URL cannot be used"):
        check_redis(url, 0.5)
