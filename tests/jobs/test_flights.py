"""What every Flights promises, asked of the one in memory and of the one in a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from app.errors import Conflict, IllegalTransition, LeaseLost, Overloaded
from app.jobs import changes, flights
from app.jobs.flights import Claim, Flights, MemoryFlights, Role, rank, role_of
from app.jobs.memory import MemoryJobs
from app.jobs.redis.flights import RedisFlights
from app.jobs.redis.jobs import RedisJobs
from app.jobs.store import JobStore
from app.types import CacheUse, Failure, Job, Measured, Phase, Wishes
from tests.jobs.make import VIDEO, a_job
from tests.redis_server import MEMORY_AND_REDIS
from tests.waiting import until

pytestmark = pytest.mark.anyio

LOST = Failure("worker_lost", "The replicas were lost.")
ANSWER = changes.answer({"video": VIDEO}, CacheUse("flight", True, 1.5), 20, 100.0, 300.0, 900.0)
DIGEST = "d" * 64


@dataclass
class Air:
    jobs: JobStore
    flights: Flights

    async def claim(self) -> Claim | None:
        leader_id = await self.flights.leader(DIGEST)
        return None if leader_id is None else Claim(leader_id, await self.jobs.get(leader_id))

    async def enter(self, job: Job) -> Role:
        claim = await self.claim()
        found = role_of(job, claim, joins=True, leads=True)
        assert await self.flights.enter(job, DIGEST, found, claim)
        return found

    async def led(self, **changed: object) -> tuple[Job, Job]:
        """A leader and its follower."""
        leader, follower = a_job(100.0), a_job(101.0, **changed)
        assert [await self.enter(job) for job in (leader, follower)] == [Role.LEAD, Role.FOLLOW]
        return leader, follower

    async def lasted(self, seconds: float) -> None:
        """Returns when a completed claim that nobody follows, and is to last as long, has gone."""
        leader, digest = a_job(), "of another video"
        await self.flights.enter(leader, digest, Role.LEAD, None)
        lease = await self.jobs.lease(leader.id, "main", 30.0, 200.0)
        await self.jobs.complete(leader.id, lease.fence, {"video": VIDEO}, Measured(), 250.0, 900.0)
        assert await self.flights.park(digest, leader.id, [], seconds)
        assert not await self.gone(digest)
        await until(lambda: self.gone(digest), 5.0)

    async def gone(self, digest: str) -> bool:
        return await self.flights.leader(digest) is None

    async def line(self) -> list[str]:
        return [job.id for job in await self.jobs.waiting()]


@pytest.fixture(params=MEMORY_AND_REDIS)
def air(request: pytest.FixtureRequest) -> Iterator[Air]:
    if request.param == "memory":
        jobs = MemoryJobs()
        yield Air(jobs, MemoryFlights(jobs))
    else:
        redis, prefix = request.getfixturevalue("redis"), request.getfixturevalue("prefix")
        yield Air(RedisJobs(redis, prefix), RedisFlights(redis, prefix))


async def test_a_follower_is_recorded_and_not_in_the_line(air: Air) -> None:
    leader, follower = await air.led()
    assert await air.line() == [leader.id]
    assert await air.flights.leader(DIGEST) == leader.id
    assert list(await air.flights.followers(DIGEST, 9)) == [follower.id]
    assert list(await air.flights.followed()) == [DIGEST]
    assert await air.jobs.get(follower.id) == follower
    assert [job.id for job in (await air.jobs.list("public", None, 9, True)).jobs] == [follower.id, leader.id]
    with pytest.raises(IllegalTransition):
        await air.jobs.lease(follower.id, "main", 30.0, 200.0)


async def test_the_same_call_may_be_made_again(air: Air) -> None:
    leader, follower = await air.led()
    assert await air.flights.enter(leader, DIGEST, Role.LEAD, None)
    assert await air.flights.enter(follower, DIGEST, Role.FOLLOW, Claim(leader.id, leader))
    assert (await air.line(), len(await air.flights.followers(DIGEST, 9))) == ([leader.id], 1)
    with pytest.raises(Conflict):
        await air.flights.enter(replace(leader, wishes=Wishes(user="another")), DIGEST, Role.LEAD, None)


async def test_of_many_who_would_lead_one_does(air: Air) -> None:
    many = [a_job(float(place)) for place in range(20)]
    entered = await asyncio.gather(*(air.flights.enter(job, DIGEST, Role.LEAD, None) for job in many))
    assert sum(entered) == 1
    assert len(await air.line()) == 1


async def test_a_follower_is_given_the_video_once(air: Air) -> None:
    leader, follower = await air.led()
    lease = await air.jobs.lease(leader.id, "main", 30.0, 200.0)
    await air.jobs.complete(leader.id, lease.fence, {"video": VIDEO}, Measured(), 250.0, 900.0)
    assert list(await air.flights.unresolved(250.0 + changes.RESOLVE_GRACE_S - 0.1, 9)) == []
    assert list(await air.flights.unresolved(250.0 + changes.RESOLVE_GRACE_S, 9)) == [DIGEST]
    assert await air.flights.park(DIGEST, leader.id, [follower.id], 10.0) is False
    answers = await asyncio.gather(*(air.flights.answer(DIGEST, follower.id, ANSWER) for _ in range(5)))
    (done,) = [job for job in answers if job is not None]
    assert done == await air.jobs.get(follower.id)
    assert (done.phase, done.step, done.artifacts, done.cache.kind) == (Phase.COMPLETED, 20, {"video": VIDEO}, "flight")
    assert (done.completed_at, done.expires_at, done.measured) == (300.0, 900.0, None)
    assert [job.id for job in await air.jobs.expired(900.0, 9)].count(follower.id) == 1
    assert await air.flights.park(DIGEST, leader.id, [], 10.0)
    assert (list(await air.flights.unresolved(1e12, 9)), list(await air.flights.followed())) == ([], [])


async def test_a_completed_claim_lasts_a_little_and_is_then_gone(air: Air) -> None:
    leader = a_job()
    await air.enter(leader)
    lease = await air.jobs.lease(leader.id, "main", 30.0, 200.0)
    await air.jobs.complete(leader.id, lease.fence, {"video": VIDEO}, Measured(), 250.0, 900.0)
    assert await air.flights.park(DIGEST, leader.id, [], 0.15)
    late = a_job(251.0)
    assert await air.enter(late) is Role.FOLLOW
    assert list(await air.flights.unresolved(0.0, 9)) == [DIGEST]
    await air.lasted(0.15)
    assert await air.flights.leader(DIGEST) == leader.id  # somebody follows it
    assert await air.flights.answer(DIGEST, late.id, ANSWER)
    assert await air.flights.park(DIGEST, leader.id, [], 0.05)
    await until(lambda: air.gone(DIGEST), 5.0)


@pytest.mark.parametrize("way", ["fail", "cancel", "delete"])
async def test_a_follower_leads_when_its_leader_is_gone(air: Air, way: str) -> None:
    leader, follower = await air.led()
    await air.enter(third := a_job(102.0))
    lease = await air.jobs.lease(leader.id, "main", 30.0, 200.0)
    if way == "fail":
        await air.jobs.fail(leader.id, lease.fence, LOST, 201.0)
    elif way == "cancel":
        await air.jobs.cancel(leader.id, "public", LOST, 201.0)
    else:
        await air.jobs.delete(leader.id, "public")
    assert list(await air.flights.unresolved(201.0, 9)) == [DIGEST]
    assert await air.flights.promote(DIGEST, leader.id, follower.id)
    assert not await air.flights.promote(DIGEST, leader.id, third.id)
    assert (await air.line(), list(await air.flights.followers(DIGEST, 9))) == ([follower.id], [third.id])
    assert list(await air.flights.unresolved(1e12, 9)) == []
    assert await air.flights.park(DIGEST, follower.id, [third.id], 10.0)
    await air.jobs.lease(follower.id, "main", 30.0, 202.0)


async def test_a_leader_that_failed_alone_leaves_nothing(air: Air) -> None:
    leader = a_job()
    await air.enter(leader)
    await air.jobs.cancel(leader.id, "public", LOST, 201.0)
    assert await air.flights.park(DIGEST, leader.id, [], 10.0)
    assert await air.flights.leader(DIGEST) is None
    assert await air.enter(a_job()) is Role.LEAD


async def test_a_follower_that_has_ended_leaves_the_flight_and_never_leads(air: Air) -> None:
    leader, follower = await air.led()
    await air.jobs.cancel(follower.id, "public", LOST, 201.0)
    assert list(await air.flights.unresolved(201.0, 9)) == [DIGEST]
    assert await air.flights.park(DIGEST, leader.id, [follower.id], 10.0)
    assert (list(await air.flights.followers(DIGEST, 9)), list(await air.flights.unresolved(1e12, 9))) == ([], [])
    await air.enter(second := a_job(102.0))
    await air.jobs.delete(second.id, "public")
    await air.jobs.cancel(leader.id, "public", LOST, 202.0)
    assert not await air.flights.promote(DIGEST, leader.id, second.id)
    assert await air.flights.park(DIGEST, leader.id, [], 10.0)
    assert await air.line() == []


async def test_a_more_urgent_job_takes_over_from_one_that_waits(air: Air) -> None:
    leader, _ = await air.led()
    urgent = a_job(103.0, priority="high")
    assert await air.enter(urgent) is Role.TAKE_OVER
    assert (await air.line(), await air.flights.leader(DIGEST)) == ([urgent.id], urgent.id)
    assert list(await air.flights.followers(DIGEST, 1)) == [leader.id]
    assert len(await air.flights.followers(DIGEST, 9)) == 2
    with pytest.raises(LeaseLost):  # whoever saw it in the line may write no more
        await air.jobs.fail(leader.id, 0, LOST, 200.0)
    with pytest.raises(IllegalTransition):
        await air.jobs.lease(leader.id, "main", 30.0, 200.0)


async def test_a_leader_that_has_just_started_is_not_taken_over(air: Air) -> None:
    leader, _ = await air.led()
    seen = await air.claim()
    await air.jobs.lease(leader.id, "main", 30.0, 200.0)
    assert not await air.flights.enter(a_job(priority="high"), DIGEST, Role.TAKE_OVER, seen)
    assert role_of(a_job(priority="high"), await air.claim(), joins=True, leads=True) is Role.ALONE
    assert await air.flights.leader(DIGEST) == leader.id


async def test_followers_past_their_deadline_are_told_until_they_are_excused(air: Air) -> None:
    leader, patient = a_job(100.0, deadline=200.0), a_job(101.0, deadline=300.0)
    assert [await air.enter(job) for job in (leader, patient)] == [Role.LEAD, Role.FOLLOW]
    assert list(await air.flights.late(299.0, 9)) == []
    assert list(await air.flights.late(300.0, 9)) == [patient.id]
    await air.flights.excuse(patient.id)
    assert list(await air.flights.late(300.0, 9)) == []


async def test_a_flight_takes_so_many(air: Air, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("app.jobs.flights", "app.jobs.redis.flights"):
        monkeypatch.setattr(f"{place}.MOST_FOLLOWERS", 1)
    await air.led()
    with pytest.raises(Overloaded):
        await air.enter(a_job())


def test_who_follows_whom() -> None:
    waiting, started = a_job(deadline=200.0), a_job(deadline=200.0, phase=Phase.DENOISING)
    for job, joins, leads, found in [
        (a_job(deadline=200.0), True, True, Role.FOLLOW),
        (a_job(), True, False, Role.FOLLOW),
        (a_job(priority="low", deadline=300.0), True, True, Role.FOLLOW),
        (a_job(deadline=200.0), False, True, Role.ALONE),
        (a_job(deadline=150.0), True, True, Role.TAKE_OVER),
        (a_job(deadline=150.0), True, False, Role.ALONE),
        (a_job(priority="high"), True, True, Role.ALONE),
        (a_job(priority="low", deadline=150.0), True, True, Role.ALONE),
    ]:
        assert role_of(job, Claim(waiting.id, waiting), joins, leads) is found
    assert role_of(a_job(deadline=150.0), Claim(started.id, started), True, True) is Role.ALONE
    assert role_of(a_job(deadline=150.0), Claim(started.id, None), True, True) is Role.FOLLOW
    assert [role_of(a_job(), None, True, leads) for leads in (True, False)] == [Role.LEAD, Role.ALONE]


def test_the_most_urgent_leads_next() -> None:
    first = [
        a_job(5.0, priority="high"),
        a_job(9.0, deadline=10.0),
        a_job(8.0, deadline=20.0),
        a_job(6.0),
        a_job(7.0),
        a_job(0.0, priority="low", deadline=1.0),
    ]
    assert sorted(first, key=rank) == first
    assert flights.MOST_FOLLOWERS >= 1000


async def test_a_follower_that_becomes_more_urgent_takes_the_place_of_a_leader_that_waits(air: Air) -> None:
    leader, follower = await air.led()
    changed = await air.jobs.reprioritise(follower.id, "public", "high")
    assert await air.flights.reseat(changed) == follower.id
    assert (await air.line(), list(await air.flights.followers(DIGEST, 9))) == ([follower.id], [leader.id])
    assert await air.flights.leader(DIGEST) == follower.id
    lease = await air.jobs.lease(follower.id, "main", 30.0, 200.0)
    await air.jobs.complete(follower.id, lease.fence, {"video": VIDEO}, Measured(), 250.0, 900.0)
    done = await air.flights.answer(DIGEST, leader.id, ANSWER)
    assert done is not None
    assert done.phase is Phase.COMPLETED


async def test_a_leader_that_becomes_less_urgent_makes_way(air: Air) -> None:
    leader, follower = await air.led()
    changed = await air.jobs.reprioritise(leader.id, "public", "low")
    assert await air.flights.reseat(changed) == follower.id
    assert await air.line() == [follower.id]


async def test_a_leader_that_runs_or_is_as_urgent_stays(air: Air) -> None:
    leader, follower = await air.led(priority="low")
    assert await air.flights.reseat(await air.jobs.reprioritise(follower.id, "public", "normal")) is None
    await air.jobs.lease(leader.id, "main", 30.0, 200.0)
    assert await air.flights.reseat(await air.jobs.reprioritise(follower.id, "public", "high")) is None
    assert await air.flights.leader(DIGEST) == leader.id


async def test_followers_lead_in_the_order_of_what_their_priorities_are_now(air: Air) -> None:
    leader, second = await air.led()
    third = a_job(102.0)
    assert await air.enter(third) is Role.FOLLOW
    await air.jobs.lease(leader.id, "main", 30.0, 200.0)
    await air.flights.reseat(await air.jobs.reprioritise(third.id, "public", "high"))
    assert list(await air.flights.followers(DIGEST, 9)) == [third.id, second.id]


async def test_a_job_without_a_flight_has_nothing_to_reseat(air: Air) -> None:
    job = a_job()
    await air.jobs.create(job)
    assert await air.flights.reseat(await air.jobs.reprioritise(job.id, "public", "high")) is None
