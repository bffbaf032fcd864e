"""Jobs that come after others, over memory and a real Redis: all end, and none begins before those it waits for."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.artifacts.memory import MemoryArtifacts
from app.errors import InvalidRequest, KinorayError
from app.jobs.board import Board, MemoryBoard
from app.jobs.events import EventLog
from app.jobs.failures import Failures, MemoryFailures
from app.jobs.flights import Flights, MemoryFlights
from app.jobs.memory import MemoryEvents, MemoryJobs
from app.jobs.redis.events import RedisEvents
from app.jobs.redis.flights import RedisFlights
from app.jobs.redis.jobs import RedisJobs
from app.jobs.store import JobStore, find
from app.jobs.storyboards.memory import MemoryStoryboards
from app.jobs.storyboards.store import StoryboardStore
from app.jobs.usage import MemoryUsage, UsageLog
from app.redis.connection import connect
from app.service.dependencies import release_dependants
from app.telemetry import MemoryMeter
from app.types import Failure, Job, Measured, Phase
from tests.jobs.make import a_job

LOST = Failure("worker_lost", "The replicas were lost.")
ACTS = ("create", "create", "create", "complete", "complete", "fail", "cancel", "delete", "release")
plays = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 9)), max_size=40)


@dataclass
class House:
    """The stores that a dispatcher has."""

    jobs: JobStore
    flights: Flights
    events: EventLog
    board: Board
    meter: MemoryMeter
    artifacts: MemoryArtifacts
    usage: UsageLog = field(default_factory=MemoryUsage)
    storyboards: StoryboardStore = field(default_factory=MemoryStoryboards)
    failures: Failures = field(default_factory=MemoryFailures)

    async def complete(self, job_id: str) -> None:
        lease = await self.jobs.lease(job_id, "main", 30.0, 200.0)
        await self.jobs.complete(job_id, lease.fence, {}, Measured(), 210.0, 900.0)


def in_memory() -> House:
    jobs = MemoryJobs()
    return House(jobs, MemoryFlights(jobs), MemoryEvents(), MemoryBoard(), MemoryMeter(), MemoryArtifacts())


@pytest.mark.anyio
async def test_a_failure_goes_down_the_whole_chain_and_every_stream_ends() -> None:
    house, chain = in_memory(), [a_job(0.0)]
    for place in range(1, 5):
        chain.append(a_job(float(place), after=(chain[-1].id,)))
    for job in chain:
        await house.jobs.create(job)
    await house.jobs.fail(chain[0].id, 0, LOST, 100.0)
    assert await release_dependants(house, 101.0) == 4
    for before, job in zip(chain[:-1], chain[1:], strict=True):
        ended = await house.jobs.get(job.id)
        assert ended.failure is not None
        assert ended.failure.code == "dependency_failed"
        assert before.id in ended.failure.message
        (end,) = await house.events.read(job.id, None, 0.0)
        assert (end.kind, end.data) == ("end", {"status": "failed", "error": asdict(ended.failure)})
    assert await release_dependants(house, 102.0) == 0


async def played(house: House, acts: list[tuple[str, int]], draw: Random) -> None:
    made: list[Job] = []
    for act, pick in acts:
        if act == "create":
            after = tuple({draw.choice(made).id for _ in range(draw.randint(0, 3))}) if made else ()
            job = a_job(float(len(made)), after=after)
            try:
                await house.jobs.create(job)
            except (KinorayError, InvalidRequest):  # after what has failed or is gone
                gone = [await find(house.jobs, each) for each in after]
                assert any(each is None or each.phase is Phase.FAILED for each in gone)
                continue
            made.append(job)
        elif act == "release":
            await release_dependants(house, 300.0)
        elif made:
            await _end(house, act, made[pick % len(made)])
    await _to_the_end(house, made)


async def _end(house: House, act: str, job: Job) -> None:
    found = await find(house.jobs, job.id)
    if found is None:
        return
    if act == "delete":
        await house.jobs.delete(job.id, "public")
    elif act == "cancel":
        await house.jobs.cancel(job.id, None, LOST, 250.0)
    elif await house.jobs.position(job.id) is not None:
        for each in job.after:  # in the line: all that it waits for had completed
            before = await find(house.jobs, each)
            assert before is None or before.phase is Phase.COMPLETED
        await (house.complete(job.id) if act == "complete" else house.jobs.fail(job.id, found.fence, LOST, 250.0))


async def _to_the_end(house: House, made: list[Job]) -> None:
    """Run what can run; then nobody is left waiting."""
    for _ in range(len(made) + 1):
        await release_dependants(house, 400.0)
        for job in await house.jobs.waiting():
            await _end(house, "complete", job)
    for job in made:
        found = await find(house.jobs, job.id)
        assert found is None or found.phase.ended
        assert await house.jobs.awaited(job.id) == []
    assert await house.jobs.unreleased(9) == []


@settings(max_examples=60, deadline=None)
@given(acts=plays, seed=st.integers(0, 10))
def test_whatever_happens_in_memory_all_end(acts: list[tuple[str, int]], seed: int) -> None:
    asyncio.run(played(in_memory(), acts, Random(seed)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=plays, seed=st.integers(0, 10))
def test_whatever_happens_in_redis_all_end(redis_url: str, prefix: str, acts: list[tuple[str, int]], seed: int) -> None:
    async def play() -> None:
        redis = connect(redis_url, 2.0)
        try:
            await redis.flushdb()
            jobs, events = RedisJobs(redis, prefix), RedisEvents(redis, prefix)
            stores = (jobs, RedisFlights(redis, prefix), events, MemoryBoard(), MemoryMeter(), MemoryArtifacts())
            await played(House(*stores), acts, Random(seed))
        finally:
            await redis.aclose()

    asyncio.run(play())
