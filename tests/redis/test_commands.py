"""What is promised of a write: a replica has it, or it is said that none has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from app.errors import NotReplicated
from app.redis.commands import Commands
from app.redis.connection import Client, connect
from tests.drills.links import Link
from tests.redis_pair import Pair

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

PUT = "redis.call('SET', KEYS[1], ARGV[1]) return 'put'"
LOOK = "return redis.call('GET', KEYS[1])"


@pytest.fixture
async def replica(pair: Pair) -> AsyncIterator[Client]:
    client = connect(pair.replica_url, 5.0)
    yield client
    await client.aclose()


async def test_what_is_promised_is_on_the_replica_when_the_call_returns(replicated: Client, replica: Client) -> None:
    commands = Commands(replicated)
    for number in range(50):
        assert await commands.run_promised(PUT, [f"key {number}"], ["x"]) == (b"put", True)
        assert await replica.get(f"key {number}") == b"x"


async def test_what_a_script_only_finds_is_confirmed_too(pair: Pair, replicated: Client) -> None:
    commands = Commands(replicated)
    await commands.confirm()
    pair.freeze()
    await commands.run(PUT, ["key"], ["x"])  # over another connection, as far as this one knows
    assert await commands.run_promised(LOOK, ["key"], []) == (b"x", False)
    with pytest.raises(NotReplicated):
        await commands.confirm()
    pair.wake()
    await commands.confirm()


async def test_while_no_replica_keeps_up_nothing_is_promised_or_written(pair: Pair, replicated: Client) -> None:
    commands = Commands(replicated)
    pair.freeze()
    with pytest.raises(NotReplicated) as caught:  # a client that has not seen the replica yet asks first
        await commands.run_promised(PUT, ["key"], ["x"])
    assert (caught.value.status, caught.value.retry_after_s) == (503, 1.0)
    assert await replicated.get("key") is None
    assert await commands.run_shared(PUT, ["key"], ["y"]) == b"put"  # work goes on
    await commands.call_shared("SET", "other", "z")
    assert await replicated.mget("key", "other") == [b"y", b"z"]
    pair.wake()
    assert await commands.run_promised(PUT, ["key"], ["x"]) == (b"put", True)


async def test_a_server_that_has_become_a_replica_is_left_at_once(pair: Pair) -> None:
    """As where one name leads to the master, and to the next one after a failover."""
    master, second = urlsplit(pair.url), pair.port
    leads_to = [master.port or 0]
    link = Link(lambda: leads_to[0])
    client = connect(f"redis://:{master.password}@127.0.0.1:{link.port}/0", 5.0)
    commands = Commands(client)
    await commands.call("SET", "key", "before")
    pair.swap()
    leads_to[0] = second
    await commands.call("SET", "key", "after")
    leads_to[0] = master.port or 0
    await client.connection_pool.disconnect()
    await commands.call("GET", "key")
    leads_to[0] = second
    assert await commands.run(PUT, ["key"], ["by a script"]) == b"put"
    await client.aclose()
    link.close()
