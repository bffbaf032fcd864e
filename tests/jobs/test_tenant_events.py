"""What every EventLog promises of the log of all a tenant's jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from app.errors import LeaseLost
from app.jobs.events import BATCH, MOST_SHARED, EventLog, Resumption, resumption
from app.jobs.flights import Claim, Flights, MemoryFlights, Role
from app.jobs.memory import MemoryEvents, MemoryJobs
from app.jobs.redis.events import LONG, RedisEvents
from app.jobs.redis.flights import RedisFlights
from app.jobs.redis.jobs import RedisJobs
from app.jobs.store import JobStore
from app.redis.connection import Client
from app.types import Job
from tests.jobs.conftest import Asleep
from tests.jobs.make import a_job
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio
SMALL = 200  # of the tenant's log, where it matters


@dataclass
class Place:
    """The stores that jobs and their events are kept in."""

    jobs: JobStore
    events: EventLog
    flights: Flights

    async def job(self, tenant: str = "public") -> Job:
        job = replace(a_job(), tenant=tenant)
        await self.jobs.create(job)
        return job

    async def behind(self, leader: Job, tenant: str) -> Job:
        """A job that waits for the leader's video."""
        job = replace(a_job(), tenant=tenant)
        assert await self.flights.enter(job, "digest", Role.FOLLOW, Claim(leader.id, leader))
        return job

    async def told(self, tenant: str, after: str = "0-0") -> list[tuple[str, str]]:
        return [(event.job_id, event.kind) for event in await self.events.read_tenant(tenant, after, 0.0)]


@pytest.fixture(params=MEMORY_AND_REDIS)
def place_of(request: pytest.FixtureRequest) -> Callable[[int], Place]:
    def in_memory(limit: int) -> Place:
        jobs = MemoryJobs()
        return Place(jobs, MemoryEvents(jobs=jobs, tenant_limit=limit), MemoryFlights(jobs))

    if request.param == "memory":
        return in_memory
    redis: Client = request.getfixturevalue("redis")
    prefix: str = request.getfixturevalue("prefix")
    return lambda limit: Place(
        RedisJobs(redis, prefix), RedisEvents(redis, prefix, tenant_limit=limit), RedisFlights(redis, prefix)
    )


@pytest.fixture
def place(place_of: Callable[[int], Place]) -> Place:
    return place_of(10_000)


async def test_a_tenant_is_told_of_all_its_jobs_in_order_and_of_no_others(place: Place) -> None:
    first, second, foreign = await place.job(), await place.job(), await place.job("other")
    for job in (first, foreign, second, first):
        await place.events.append(job.id, "step", 1.5, {"step": 3})
    assert await place.told("public") == [(first.id, "step"), (second.id, "step"), (first.id, "step")]
    assert await place.told("other") == [(foreign.id, "step")]
    assert await place.told("nobody") == []
    event = (await place.events.read_tenant("public", "0-0", 0.0))[0]
    assert (event.at, event.data) == (1.5, {"step": 3})
    assert [each.data for each in await place.events.read(first.id, None, 0.0)] == [{"step": 3}] * 2


async def test_what_a_fence_keeps_out_of_a_job_s_log_is_told_to_no_tenant(place: Place) -> None:
    job = await place.job()
    with pytest.raises(LeaseLost):
        await place.events.append(job.id, "step", 1.0, {}, fence=7)
    with pytest.raises(LeaseLost):
        await place.events.append(a_job().id, "step", 1.0, {}, fence=0)
    assert await place.told("public") == []
    assert list(await place.events.read(job.id, None, 0.0)) == []


async def test_a_follower_goes_on_behind_any_event(place: Place) -> None:
    job = await place.job()
    for step in range(5):
        await place.events.append(job.id, "step", 1.0, {"step": step})
    events = await place.events.read_tenant("public", "0-0", 0.0)
    found = await place.events.resume_tenant("public", events[2].id)
    assert found == Resumption(events[2].id, True)
    assert [event.data["step"] for event in await place.events.read_tenant("public", found.id, 0.0)] == [3, 4]
    end = await place.events.resume_tenant("public", None)
    assert await place.told("public", end.id) == []
    await place.events.append(job.id, "end", 1.0, {})
    assert await place.told("public", end.id) == [(job.id, "end")]


async def test_who_begins_before_anything_has_happened_misses_nothing(place: Place) -> None:
    start = await place.events.resume_tenant("public", None)
    job = await place.job()
    await place.events.append(job.id, "phase", 1.0, {})
    assert await place.events.resume_tenant("public", start.id) == Resumption(start.id, True)
    assert await place.told("public", start.id) == [(job.id, "phase")]


async def test_a_tenant_s_log_is_bounded_and_says_what_is_lost(place_of: Callable[[int], Place]) -> None:
    place = place_of(SMALL)
    job = await place.job()
    start = (await place.events.resume_tenant("public", None)).id
    await place.events.append(job.id, "step", 1.0, {})
    first = (await place.events.read_tenant("public", "0-0", 0.0))[0].id
    for _ in range(2 * SMALL):
        await place.events.append(job.id, "step", 1.0, {})
    end = await place.events.resume_tenant("public", None)
    for after in (start, first, "99999999999999999-0"):  # the last is of another life of the store
        assert await place.events.resume_tenant("public", after) == Resumption(end.id, False)
    total, last = 0, "0-0"
    while events := await place.events.read_tenant("public", last, 0.0):
        assert len(events) <= BATCH
        total, last = total + len(events), events[-1].id
    assert SMALL <= total < SMALL + BATCH + 1  # Redis trims by the hundred


async def test_a_tenant_s_follower_sleeps_until_there_is_news(place: Place, asleep: Asleep) -> None:
    job = await place.job()
    reader = asyncio.ensure_future(place.events.read_tenant("public", "0-0", 5.0))
    await asleep()
    await place.events.append((await place.job("other")).id, "phase", 1.0, {})
    await place.events.append(job.id, "end", 2.0, {"status": "completed"})
    assert [event.kind for event in await asyncio.wait_for(reader, 5.0)] == ["end"]


async def test_a_tenant_is_told_what_no_job_s_log_has(place: Place) -> None:
    job = a_job()
    await place.events.tell_tenant("public", job.id, "end", 3.0, {"status": "deleted"})
    (event,) = await place.events.read_tenant("public", "0-0", 0.0)
    assert (event.job_id, event.kind, event.at, event.data) == (job.id, "end", 3.0, {"status": "deleted"})
    assert list(await place.events.read(job.id, None, 0.0)) == []


async def test_who_waits_for_another_s_video_hears_of_its_steps_but_not_of_its_end(place: Place) -> None:
    leader = a_job()
    assert await place.flights.enter(leader, "digest", Role.LEAD, None)
    mine, theirs = await place.behind(leader, "public"), await place.behind(leader, "other")
    await place.events.append(leader.id, "step", 1.0, {"step": 1})
    await place.events.append(leader.id, "end", 2.0, {})
    await place.events.append(theirs.id, "end", 3.0, {})
    assert sorted(await place.told("public")) == sorted([(leader.id, "step"), (mine.id, "step"), (leader.id, "end")])
    assert await place.told("other") == [(theirs.id, "step"), (theirs.id, "end")]


async def test_a_crowd_behind_one_job_does_not_fill_the_log(place: Place) -> None:
    leader = a_job()
    assert await place.flights.enter(leader, "digest", Role.LEAD, None)
    for _ in range(MOST_SHARED + 10):
        await place.behind(leader, "other")
    await place.events.append(leader.id, "step", 1.0, {"step": 1})
    assert len(await place.told("other")) == MOST_SHARED


async def test_a_picture_is_told_whole_and_gone_with_its_job(place: Place) -> None:
    job = await place.job()
    picture = {"image": "x" * (2 * LONG)}
    await place.events.append(job.id, "preview", 1.0, picture)
    (event,) = await place.events.read_tenant("public", "0-0", 0.0)
    assert event.data == picture


async def test_a_tenant_s_log_keeps_no_pictures(redis: Client, prefix: str) -> None:
    place = Place(RedisJobs(redis, prefix), RedisEvents(redis, prefix), RedisFlights(redis, prefix))
    job = await place.job()
    await place.events.append(job.id, "preview", 1.0, {"image": "x" * 100_000})
    await place.events.append(job.id, "end", 1.0, {"error": "y" * (2 * LONG)})
    await place.events.forget(job.id)
    preview, end = await place.events.read_tenant("public", "0-0", 0.0)
    assert preview.data == {}
    assert end.data == {"error": "y" * (2 * LONG)}
    size = await redis.memory_usage(f"{{{prefix}}}:told:public")
    assert size is not None
    assert size < 20_000


def test_a_log_that_may_have_been_trimmed_is_not_taken_for_whole() -> None:
    assert resumption("0-0", "5-0", "9-0", 3, 10) == Resumption("0-0", True)
    assert resumption("0-0", "5-0", "9-0", 10, 10) == Resumption("9-0", False)
    assert resumption("5-0", "5-0", "9-0", 10, 10) == Resumption("5-0", True)
    assert resumption("4-9", "5-0", "9-0", 3, 10) == Resumption("9-0", False)
    assert resumption("10-0", None, None, 0, 10) == Resumption("0-0", False)
