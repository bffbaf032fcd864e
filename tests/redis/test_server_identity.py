"""Which server answers, by a real one that is started again."""

from __future__ import annotations

import pytest

from app.redis.commands import Commands
from app.redis.connection import Client, connect
from app.redis.server_identity import ServerIdentity
from cluster.redis import LocalRedis

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


async def test_a_server_is_another_after_each_start_and_else_the_same(redis: Client, redis_server: LocalRedis) -> None:
    identity = ServerIdentity(redis)
    first = await identity.ask()
    assert len(first[0]) == 40
    assert first == await identity.ask()
    redis_server.stop()
    redis_server.start()
    again = await identity.ask()
    assert (again[0] != first[0], again[1]) == (True, None)


async def test_where_it_may_not_be_asked_it_is_nobody(redis: Client, redis_url: str) -> None:
    await Commands(redis).call("ACL", "SETUSER", "blind", "on", ">word", "~*", "+@all", "-info")
    host = redis_url.partition("@")[2]
    blind = connect(f"redis://blind:word@{host}", 5.0)
    try:
        assert await ServerIdentity(blind).ask() == ("", None)
    finally:
        await blind.aclose()
        await Commands(redis).call("ACL", "DELUSER", "blind")
