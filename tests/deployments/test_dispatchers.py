"""Two dispatchers under Ray: they share the pools, and when one of them is killed the other goes on with all."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Final

import anyio.to_thread
import pytest

from app.client.client import Kinoray
from app.jobs.redis.shards import RedisShards
from app.jobs.shards import HOUSE, shards_of
from app.redis.connection import connect
from cluster.local import LocalService
from tests.drills.processes import pids_of
from tests.drills.stats import until as until_stats
from tests.shared_ray import SECOND
from tests.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("several_dispatchers")]
PATIENCE_S = 150.0
ASK: Final[dict[str, dict[str, Any]]] = {SECOND: {"tier": "ultra", "steps": 8}, "words": {"model": "words"}}
"""How the pool beside main is asked, by its name."""


class Seen:
    """Who holds what, as the dispatchers' own leases in Redis say."""

    def __init__(self, shards: RedisShards, pools: Collection[str]) -> None:
        self._shards, self.all = shards, shards_of(pools)

    async def holders(self) -> Mapping[str, str]:
        return (await self._shards.meet("the test", self.all, 0.001)).holders

    async def among(self, count: int, without: Collection[str] = ()) -> Mapping[str, str]:
        """Who, once each shard is held by one of so many, of whom none is among these."""

        async def so() -> Mapping[str, str] | None:
            found = await self.holders()
            names = set(found.values())
            settled = len(found) == len(self.all) and len(names) == count and not names & set(without)
            return found if settled else None

        found = await until(so, PATIENCE_S)
        assert found is not None
        return found


@pytest.fixture
async def seen(service: LocalService) -> AsyncIterator[Seen]:
    assert service.redis is not None
    told = await until_stats(service.url, lambda told: len({row["pool"] for row in told["replicas"]}) > 1, PATIENCE_S)
    redis = connect(service.redis.url, 5.0)
    try:
        yield Seen(RedisShards(redis, service.settings.redis_prefix), {row["pool"] for row in told["replicas"]})
    finally:
        await redis.aclose()


async def test_one_that_is_killed_leaves_its_pools_to_the_other_and_the_others_go_on(
    seen: Seen, service: LocalService, client: Kinoray
) -> None:
    other = next(pool for pool in ASK if pool in seen.all)
    before = await seen.among(2)
    held = [list(before.values()).count(name) for name in set(before.values())]
    assert max(held) - min(held) <= 1, "as many each"
    await _made_in_both(client, other)
    pids = await anyio.to_thread.run_sync(pids_of, service, "Dispatcher")
    assert len(pids) == 2
    os.kill(pids[0], signal.SIGKILL)

    async def one_is_gone() -> set[str] | None:
        now = await seen.holders()
        stayed = {name for name in set(before.values()) if now.get(_first(before, name)) == name}
        return stayed if len(stayed) == 1 else None

    assert await until(one_is_gone, PATIENCE_S)
    await _made_in_both(client, other)
    after = await seen.among(2)  # Serve has started another, which has its part
    assert len(set(after.values()) & set(before.values())) == 1
    assert HOUSE in after
    await _made_in_both(client, other)


def _first(holders: Mapping[str, str], name: str) -> str:
    return next(shard for shard, holder in holders.items() if holder == name)


async def _made_in_both(client: Kinoray, other: str) -> None:
    """A video of each of two pools at once, each by one attempt."""
    jobs = [
        await client.create("a red ball", tier="preview", seed=-1),
        await client.create("a red ball", seed=-1, **ASK[other]),
    ]
    for job in jobs:
        made = await client.wait(job.id, timeout_s=PATIENCE_S)
        assert (made.status, made.error) == ("completed", None)
        assert len((await client.report(job.id)).attempts) == 1
