"""With KINORAY_DURABILITY=replicated no accepted job is lost, whatever becomes of the master."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.drills.acceptance import ENOUGH, Durability, Stream, drill
from tests.drills.partition import Parted
from tests.drills.sentinels import Watched
from tests.waiting import until

pytestmark = pytest.mark.anyio

Servers = TypeVar("Servers", bound=Watched)
AT_WORK = 4  # requests under way at any time


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    yield from started(Watched(tmp_path))


@pytest.fixture
def parted(tmp_path: Path) -> Iterator[Parted]:
    yield from started(Parted(tmp_path))


def started(servers: Servers) -> Iterator[Servers]:
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


async def has_moved(servers: Watched) -> None:
    """Return when most sentinels name another master than the first."""
    first = servers.servers[0]

    async def moved() -> bool:
        return await asyncio.to_thread(servers.master) not in (first, None)

    await until(moved)


async def test_a_planned_failover_loses_nothing(watched: Watched) -> None:
    async def disaster(stream: Stream) -> None:
        await asyncio.to_thread(watched.fail_over)
        await has_moved(watched)
        await stream.more(50)

    stream, gone = await drill(watched.url, "replicated", disaster, lambda: watched.follows(watched.servers[0]))
    assert len(stream.accepted) >= ENOUGH
    assert gone == []


async def test_a_master_that_is_killed_takes_nothing_with_it(watched: Watched) -> None:
    first, second = watched.servers

    async def disaster(stream: Stream) -> None:
        watched.kill(first)
        await has_moved(watched)
        watched.restart(first, "--replicaof", "127.0.0.1", str(second))
        await stream.more(50)

    stream, gone = await drill(watched.url, "replicated", disaster, lambda: watched.follows(first))
    assert (len(stream.accepted) >= ENOUGH, gone) == (True, [])


async def test_a_master_that_wakes_after_another_took_its_place_keeps_nothing_for_itself(watched: Watched) -> None:
    first = watched.servers[0]

    async def disaster(stream: Stream) -> None:
        watched.freeze(first)
        await has_moved(watched)
        watched.wake(first)
        await stream.more(50)

    stream, gone = await drill(watched.url, "replicated", disaster, lambda: watched.follows(first))
    assert (len(stream.accepted) >= ENOUGH, gone) == (True, [])


async def test_a_replica_on_a_new_disk_counts_when_it_has_everything(watched: Watched) -> None:
    first, second = watched.servers

    async def disaster(stream: Stream) -> None:
        watched.kill(second)
        before = len(stream.accepted)
        refused = stream.refused

        async def refuses() -> bool:
            return stream.refused >= refused + 5

        await until(refuses)
        assert len(stream.accepted) <= before + 4  # those under way when it died
        watched.restart(second, "--replicaof", "127.0.0.1", str(first), empty=True)
        await stream.more(50)
        watched.kill(first)  # as soon as it is in step
        await has_moved(watched)
        watched.restart(first, "--replicaof", "127.0.0.1", str(second))
        await stream.more(50)

    stream, gone = await drill(watched.url, "replicated", disaster, lambda: watched.follows(first))
    assert (len(stream.accepted) >= ENOUGH, gone) == (True, [])


@pytest.mark.parametrize("durability", ["replicated", "local"])
async def test_a_master_that_the_network_cut_off_accepts_nothing(parted: Parted, durability: Durability) -> None:
    cut_off = []

    async def disaster(stream: Stream) -> None:
        parted.part()
        before = len(stream.accepted) + AT_WORK
        seen = stream.refused

        async def tried() -> bool:
            return stream.refused + len(stream.accepted) >= seen + before + 20

        await has_moved(parted)
        await until(tried)
        cut_off.extend(stream.accepted[before:])
        parted.heal()
        await stream.more(50)

    stream, gone = await drill(parted.url, durability, disaster, lambda: parted.follows(parted.servers[0]))
    assert len(stream.accepted) >= ENOUGH
    if durability == "replicated":
        assert (cut_off, gone) == ([], [])
    else:  # what the drill finds when nothing is waited for
        assert cut_off
        assert set(cut_off) <= set(gone)
