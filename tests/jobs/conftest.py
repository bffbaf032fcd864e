"""When somebody who waits for news of a store has really fallen asleep."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from anyio.lowlevel import checkpoint

from app.redis.connection import Client
from tests.waiting import until

Asleep = Callable[[], Awaitable[None]]


@pytest.fixture
def asleep(request: pytest.FixtureRequest) -> Asleep:
    """Returns when a task that was started before waits in memory, or at the Redis that the test uses."""
    if request.node.get_closest_marker("redis") is None:
        return checkpoint
    redis: Client = request.getfixturevalue("redis")

    async def blocked() -> bool:
        return bool((await redis.info("clients"))["blocked_clients"])

    async def wait() -> None:
        await until(blocked, 5.0)

    return wait
