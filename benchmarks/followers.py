"""Followers of events on a real Redis: what one event costs the process that hands it on, by how many hear it.

They follow as a Router has them follow (`app.service.event_stream`), in one process; an event of each job is written,
and all have heard it before the next. What HTTP costs besides is in `python -m benchmarks bill`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import psutil

from app.redis.connection import Client, connect
from app.service.event_stream import follow
from app.service.follower_reads import FollowerReads
from app.settings import Settings
from app.stores import Stores, stores_on
from app.types import Job, Phase
from tests.jobs.make import PLAN

FOLLOWERS: Final = (100, 1_000, 10_000)
JOBS: Final = 100  # that they follow, as many each
ROUNDS: Final = 5


class Crowd:
    """Followers of jobs, and how many events they have heard together."""

    def __init__(self, stores: Stores) -> None:
        self._stores, self._reads = stores, FollowerReads()
        self._heard, self._awaited = 0, 0
        self._all = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def follow(self, job: Job) -> None:
        """One more."""
        self._tasks.append(asyncio.create_task(self._listen(job)))

    async def _listen(self, job: Job) -> None:
        async for events in follow(job, None, self._stores, self._stores.clock, self._reads):
            self._heard += len(events)
            if self._heard >= self._awaited:
                self._all.set()

    async def hear(self, jobs: list[Job], step: int) -> None:
        """An event of each job, and until all have heard it."""
        self._awaited = self._heard + len(self._tasks)
        self._all.clear()
        for job in jobs:
            data = {"step": step, "total_steps": 40, "eta_s": 12.5}
            await self._stores.events.append(job.id, "step", self._stores.clock(), data, 1)
        await self._all.wait()

    async def leave(self) -> None:
        """All go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def measure(url: str, count: int, jobs: int = JOBS) -> dict[str, Any]:
    """Milliseconds of processors (this process and Redis) of an event, and microseconds of one who hears it."""
    client = connect(url, 60.0)
    stores = stores_on(client, Settings())
    running = [await _running(stores, number) for number in range(min(jobs, count))]
    crowd, before = Crowd(stores), _rss()
    for number in range(count):
        crowd.follow(running[number % len(running)])
    await crowd.hear(running, 0)
    memory_kib = (_rss() - before) / 1024 / count
    began, redis, wall = time.process_time(), await redis_s(client), time.monotonic()
    for step in range(1, ROUNDS + 1):
        await crowd.hear(running, step)
    own_s, of_redis_s = time.process_time() - began, await redis_s(client) - redis
    took_s = time.monotonic() - wall
    await crowd.leave()
    await client.aclose()
    events = ROUNDS * len(running)
    return {
        "followers": count,
        "jobs": len(running),
        "event_ms": round(1000 * (own_s + of_redis_s) / events, 3),
        "redis_ms": round(1000 * of_redis_s / events, 3),
        "each_us": round(1e6 * (own_s + of_redis_s) / ROUNDS / count, 1),
        "all_heard_s": round(took_s / ROUNDS, 2),
        "kib_each": round(memory_kib, 1),
    }


async def _running(stores: Stores, number: int) -> Job:
    job = Job(f"video_{number:032d}", f"tenant-{number % 50}", PLAN, Phase.QUEUED, time.time())
    await stores.jobs.create(job)
    await stores.jobs.lease(job.id, "main", 3600.0, time.time())
    return await stores.jobs.get(job.id)


async def redis_s(client: Client) -> float:
    """Seconds of a processor that Redis has taken since it started."""
    told = await client.info("cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


def _rss() -> int:
    return int(psutil.Process().memory_info().rss)
