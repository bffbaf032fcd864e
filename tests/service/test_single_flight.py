"""One flight played at random, over memory and a real Redis: whatever happens, no job is lost or made twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from app.artifacts.memory import MemoryArtifacts
from app.cache.keys import plan_digest
from app.jobs.board import Board, MemoryBoard
from app.jobs.events import EventLog
from app.jobs.failures import Failures, MemoryFailures
from app.jobs.flights import Flights, MemoryFlights
from app.jobs.memory import MemoryEvents, MemoryJobs
from app.jobs.redis.board import RedisBoard
from app.jobs.redis.events import RedisEvents
from app.jobs.redis.flights import RedisFlights
from app.jobs.redis.jobs import RedisJobs
from app.jobs.store import JobStore
from app.jobs.storyboards.memory import MemoryStoryboards
from app.jobs.storyboards.store import StoryboardStore
from app.jobs.usage import MemoryUsage, UsageLog
from app.redis.connection import Client, connect
from app.service.artifact_refs import forget_artifacts
from app.service.single_flight import enter, resolve
from app.telemetry import JOBS_ENDED, MemoryMeter
from app.types import PRIORITIES, CacheMode, Failure, Job, Measured, Phase, Wishes
from tests.jobs.make import PLAN, a_job

DIGEST = plan_digest(PLAN, "public")
LOST = Failure("worker_lost", "The replicas were lost.")
ACTS = ("create", "create", "create", "start", "complete", "complete", "fail", "cancel", "delete", "resolve", "killed")
plays = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 9)), max_size=40)


@dataclass
class Stores:
    """What the flights' story is told with."""

    jobs: JobStore
    flights: Flights
    events: EventLog
    board: Board
    artifacts: MemoryArtifacts
    meter: MemoryMeter
    usage: UsageLog = field(default_factory=MemoryUsage)
    storyboards: StoryboardStore = field(default_factory=MemoryStoryboards)
    failures: Failures = field(default_factory=MemoryFailures)


def in_memory() -> Stores:
    jobs = MemoryJobs()
    return Stores(jobs, MemoryFlights(jobs), MemoryEvents(), MemoryBoard(), MemoryArtifacts(), MemoryMeter())


def in_redis(redis: Client, prefix: str) -> Stores:
    jobs, flights = RedisJobs(redis, prefix), RedisFlights(redis, prefix)
    events, board = RedisEvents(redis, prefix), RedisBoard(redis, prefix)
    return Stores(jobs, flights, events, board, MemoryArtifacts(), MemoryMeter())


class Play:
    """Clients, replicas, finishers and the dispatcher, one act at a time."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.now = 1000.0
        self.created: list[str] = []
        self.deleted: set[str] = set()
        self.running: dict[str, int] = {}  # fences
        self.alone: set[str] = set()

    async def act(self, name: str, pick: int) -> None:
        self.now += 1.0
        if name == "create":
            await self.create(pick)
        elif name in ("resolve", "killed"):
            await self.resolve(killed=name == "killed", pick=pick)
        elif name == "start":
            line = await self.stores.jobs.waiting()
            if line:
                job = line[pick % len(line)]
                self.running[job.id] = (await self.stores.jobs.lease(job.id, "main", 30.0, self.now)).fence
        elif name in ("complete", "fail"):
            await self.end(name, pick)
        elif self.created:
            await self.take(name, self.created[pick % len(self.created)])
        await self.check()

    async def create(self, pick: int) -> None:
        deadline = self.now + 1000.0 if pick > 7 else None
        mode = CacheMode.READ if pick == 0 else CacheMode.USE
        job = a_job(self.now, deadline=deadline, wishes=Wishes(mode, priority=PRIORITIES[pick % 3]))
        entered = await enter(job, True, self.stores, _welcome, 60.0)
        self.created.append(job.id)
        if entered.role == "alone":
            self.alone.add(job.id)

    async def end(self, name: str, pick: int) -> None:
        if not self.running:
            return
        job_id = sorted(self.running)[pick % len(self.running)]
        fence = self.running.pop(job_id)
        if name == "fail":
            await self.stores.jobs.fail(job_id, fence, LOST, self.now)
            return
        video = await self.stores.artifacts.put(f"{job_id}/{fence}/video.mp4", job_id.encode(), "video/mp4")
        await self.stores.board.hold(job_id, job_id)
        await self.stores.jobs.complete(job_id, fence, {"video": video}, Measured(), self.now, self.now + 60.0)

    async def take(self, name: str, job_id: str) -> None:
        if job_id in self.deleted:
            return
        self.running.pop(job_id, None)
        if name == "cancel":
            await self.stores.jobs.cancel(job_id, "public", LOST, self.now)
            return
        self.deleted.add(job_id)
        job = await self.stores.jobs.delete(job_id, "public")
        await forget_artifacts(job, self.stores.board, self.stores.artifacts)

    async def resolve(self, killed: bool, pick: int) -> None:
        work = asyncio.gather(*(resolve(DIGEST, self.stores, 60.0, self.now) for _ in range(2)))
        if killed:
            for _ in range(pick * pick):
                await checkpoint()
            work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    async def there(self) -> list[Job]:
        return [await self.stores.jobs.get(job_id) for job_id in self.created if job_id not in self.deleted]

    async def check(self) -> None:
        """At most one job of the flight needs a device, and whoever has ended well has a video that is there."""
        followers = set(await self.stores.flights.followers(DIGEST, 1000))
        jobs = await self.there()
        live = {job.id for job in jobs if not job.phase.ended}
        assert len(live - followers - self.alone) <= 1
        assert {job.id for job in await self.stores.jobs.waiting()} == live - followers - set(self.running)
        for job in jobs:
            if job.phase is Phase.COMPLETED:
                assert await self.stores.artifacts.exists(job.artifacts["video"]), job.id

    async def finish(self) -> None:
        """Everyone who was not sent away gets a video when replicas and finishers do their work."""
        for _ in range(2 * len(self.created) + 2):
            await self.act("resolve", 0)
            await self.act("start", 0)
            await self.act("complete", 0)
        await self.act("resolve", 0)
        for job in await self.there():
            assert job.phase is Phase.COMPLETED or job.failure == LOST
        assert list(await self.stores.flights.followed()) == []
        assert list(await self.stores.flights.unresolved(1e12, 9)) == []


async def _welcome() -> None:
    return None


async def played(stores: Stores, acts: list[tuple[str, int]]) -> Play:
    play = Play(stores)
    for name, pick in acts:
        await play.act(name, pick)
    await play.finish()
    return play


@settings(max_examples=100, deadline=None)
@given(plays)
def test_no_job_is_lost_or_doubled_in_memory(acts: list[tuple[str, int]]) -> None:
    asyncio.run(played(in_memory(), acts))


@pytest.mark.parametrize("seed", range(12))
def test_no_job_is_lost_or_doubled_in_redis(seed: int, redis_url: str, prefix: str) -> None:
    dice = Random(seed)
    acts = [(dice.choice(ACTS), dice.randrange(10)) for _ in range(40)]

    async def run() -> None:
        redis = connect(redis_url, 5.0)
        try:
            await played(in_redis(redis, prefix), acts)
        finally:
            await redis.aclose()

    asyncio.run(run())


@pytest.mark.anyio
async def test_many_who_settle_at_once_count_each_follower_once() -> None:
    play = Play(in_memory())
    for _ in range(20):
        await play.create(1)
    await play.act("start", 0)
    await play.act("complete", 0)
    await asyncio.gather(*(resolve(DIGEST, play.stores, 60.0, play.now) for _ in range(5)))
    figures = await play.stores.meter.read()
    assert (figures[f"{JOBS_ENDED}:completed"], figures["cache_hits:flight"]) == (19, 19)


@pytest.mark.anyio
async def test_the_video_goes_with_the_last_who_needs_it() -> None:
    play = Play(in_memory())
    for _ in range(3):
        await play.create(1)
    await play.act("start", 0)
    await play.act("complete", 0)
    await play.act("resolve", 0)
    video = (await play.there())[0].artifacts["video"]
    for place in range(3):
        assert await play.stores.artifacts.exists(video)
        await play.act("delete", place)
    assert not await play.stores.artifacts.exists(video)
