"""That we go where we looked, and to each address of a name in turn; over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence

import httpcore
import httpx
import pytest

from app.outbound.connect import BROKEN, Forbidden, Outbound, Resolve, Resolver
from tests.webhooks.receiver import receiver

pytestmark = pytest.mark.anyio


def names(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


async def status(outbound: Outbound, port: int, timeout_s: float = 5.0) -> int:
    async with outbound.request("GET", httpx.URL(f"http://some.example:{port}/a"), {}, timeout_s) as answer:
        return answer.status


async def test_the_checked_address_is_asked_under_the_hosts_name() -> None:
    async with receiver() as there:
        assert await status(Outbound(True, names("127.0.0.1")), there.port) == 200
        ((headers, content),) = there.came
    assert (headers["host"], content) == (f"some.example:{there.port}", b"")


async def test_of_a_name_with_inner_addresses_only_the_public_ones_are_tried() -> None:
    async with receiver() as there:
        with pytest.raises(BROKEN):
            await status(Outbound(False, names("127.0.0.1", "0.0.0.1", "2606:4700::1111")), there.port, 0.1)
        with pytest.raises(Forbidden):
            await status(Outbound(False, names("127.0.0.1", "::1")), there.port)
        assert there.came == []


async def test_an_address_that_refuses_is_followed_by_the_next() -> None:
    async with receiver() as there:
        assert await status(Outbound(True, names("127.0.0.2", "127.0.0.3", "127.0.0.1")), there.port) == 200


@pytest.fixture
def silent() -> Iterator[int]:
    """A port of 127.0.0.2 that answers nobody: its queue is full."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.2", 0))
        full.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]


async def test_an_address_that_is_silent_leaves_time_for_the_next(silent: int) -> None:
    with pytest.raises(httpcore.ConnectTimeout):
        await status(Outbound(True, names("127.0.0.2")), silent, 0.2)
    async with receiver(port=silent) as there:
        assert await status(Outbound(True, names("127.0.0.2", "127.0.0.1")), there.port, 0.6) == 200


@pytest.mark.parametrize("name", ["x.invalid", "a" * 64 + ".example", "a..example"])
async def test_a_name_that_is_not_there_or_cannot_be_is_no_accident(name: str) -> None:
    with pytest.raises(socket.gaierror):
        await Resolver("test-names")(name, 80)
