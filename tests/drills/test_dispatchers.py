"""Two dispatchers, each a process: one is killed, one stands still for longer than its leases; all goes on, once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from app.jobs.shards import HOUSE, Meeting
from app.redis.connection import Client
from app.settings import Settings
from app.stores import Stores, stores_on
from app.types import Job, Phase
from tests.dispatch.workers import a_replica
from tests.drills.dispatcher_process import POOLS
from tests.jobs.make import PLAN, a_job
from tests.redis_server import prefix, redis, redis_server, redis_url
from tests.waiting import until

__all__ = ["prefix", "redis", "redis_server", "redis_url"]
pytestmark = pytest.mark.anyio
SHARDS = (*POOLS, HOUSE)
PATIENCE_S = 120.0


@pytest.fixture
def stores(redis: Client, prefix: str) -> Stores:
    return stores_on(redis, Settings(redis_prefix=prefix))


@asynccontextmanager
async def dispatchers(url: str, prefix: str, *names: str) -> AsyncIterator[dict[str, subprocess.Popen[bytes]]]:
    made = {
        name: subprocess.Popen([sys.executable, "-m", "tests.drills.dispatcher_process", url, prefix, name])
        for name in names
    }
    try:
        yield made
    finally:
        for process in made.values():
            process.kill()
            process.wait()


async def met(stores: Stores, wanted: Callable[[Meeting], bool]) -> Meeting:
    """Returns when the shards are held like that."""
    found: list[Meeting] = []

    async def so() -> bool:
        found.append(await stores.shards.meet("the test", SHARDS, 0.001))
        return wanted(found[-1])

    await until(so, PATIENCE_S)
    return found[-1]


def shared(meeting: Meeting) -> bool:
    """Two have two each."""
    held = list(meeting.holders.values())
    return len(held) == len(SHARDS) and {held.count(name) for name in held} == {2}


async def made_everywhere(stores: Stores) -> list[Job]:
    """A job of each pool, all completed."""
    jobs = [a_job(time.time(), plan=replace(PLAN, pool=pool)) for pool in POOLS]
    for job in jobs:
        await stores.jobs.create(job)

    async def over() -> bool:
        return all([(await stores.jobs.get(job.id)).phase is Phase.COMPLETED for job in jobs])

    await until(over, PATIENCE_S)
    return [await stores.jobs.get(job.id) for job in jobs]


async def test_whoever_dies_or_stands_still_each_job_is_leased_once(
    stores: Stores, redis_url: str, prefix: str
) -> None:
    for pool in POOLS:
        await stores.jobs.announce(a_replica(f"of-{pool}", pool, slots=4), 3600.0)
    async with dispatchers(redis_url, prefix, "one", "two") as processes:
        meeting = await met(stores, shared)
        jobs = await made_everywhere(stores)
        stopped = meeting.holders["main"]
        processes[stopped].send_signal(signal.SIGSTOP)
        other = next(name for name in processes if name != stopped)
        await met(stores, lambda meeting: [meeting.holders.get(shard) for shard in SHARDS] == [other] * len(SHARDS))
        jobs += await made_everywhere(stores)
        processes[stopped].send_signal(signal.SIGCONT)
        await met(stores, shared)
        jobs += await made_everywhere(stores)
        processes[other].kill()
        await met(stores, lambda meeting: [meeting.holders.get(shard) for shard in SHARDS] == [stopped] * len(SHARDS))
        jobs += await made_everywhere(stores)
    assert [(job.attempts, job.fence) for job in jobs] == [(1, 1)] * len(jobs)
