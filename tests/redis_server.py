"""A real Redis for tests: one server a process of tests, one prefix a test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from app.redis.connection import Client, connect
from cluster.redis import LocalRedis

MEMORY_AND_REDIS = ("memory", pytest.param("redis", marks=pytest.mark.redis))  # the stores that a promise is asked of


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRedis]:
    server = LocalRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: LocalRedis, request: pytest.FixtureRequest) -> str:
    assert request.node.get_closest_marker("redis") is not None, "mark it: make test-fast starts no Redis"
    redis_server.start()  # a test may have stopped it
    return redis_server.url


@pytest.fixture
def prefix() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Client]:
    client = connect(redis_url, 5.0)  # as long as a busy machine may need
    yield client
    await client.aclose()
