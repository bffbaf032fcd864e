"""What jobs cost by day and month: the arithmetic, and that each is paid once and given back once, whatever happens."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import ConcurrencyExceeded, QuotaExceeded
from app.jobs.admission_limits import AdmissionLimits
from app.jobs.flights import Claim, Flights, MemoryFlights, Role
from app.jobs.memory import MemoryJobs
from app.jobs.quotas import Held, ends_at, is_over, label
from app.jobs.redis.flights import RedisFlights
from app.jobs.redis.jobs import RedisJobs
from app.jobs.store import JobStore
from app.redis.connection import Client, connect
from app.settings.limits import Account, Limits, Quota
from app.types import Artifact, Estimate, Failure, Job, Measured
from cluster.redis import LocalRedis
from tests.jobs.make import PLAN, a_job
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio

DAY = 86400.0
NOON = 1_800_000_000.0 - 1_800_000_000.0 % DAY + DAY / 2
NONE = Quota()
LARGE = Quota(jobs=1000, step_seconds=1e6, stored_bytes=10**9, upload_bytes=10**9)
FILE = Artifact("job/1/video.mp4", "video/mp4", 1000)
OURS, CANCELLED = Failure("worker_lost", "It was lost."), Failure("cancelled", "It was cancelled.")
Stores = tuple[JobStore, Flights]


def in_redis(redis: Client, prefix: str) -> Stores:
    return RedisJobs(redis, prefix), RedisFlights(redis, prefix)


@pytest.fixture(params=MEMORY_AND_REDIS)
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        memory = MemoryJobs()
        return memory, MemoryFlights(memory)
    return in_redis(request.getfixturevalue("redis"), request.getfixturevalue("prefix"))


def held(day: Quota = NONE, month: Quota = NONE, **rest: Any) -> tuple[Held, ...]:
    return (Held("tenant", "public", Account(day=day, month=month, **rest)),)


async def used(jobs: JobStore, whose: tuple[Held, ...], now: float = NOON) -> dict[str, float]:
    return {each.limit: each.used for each in await jobs.quotas(whose, now)}


@given(st.floats(0, 4e9))
def test_a_moment_is_in_the_day_and_month_that_end_after_it_and_no_sum_outlives_its_own(now: float) -> None:
    for period, longest_s in (("day", DAY), ("month", 31 * DAY)):
        ends = ends_at(period, now)  # type: ignore[arg-type]
        assert now < ends <= now + longest_s
        assert label(period, ends - 1e-3) == label(period, now)  # type: ignore[arg-type]
        name = f"{label(period, now)}|jobs|tenant|x"  # type: ignore[arg-type]
        assert not is_over(name, label("day", now), label("month", now))
        assert is_over(name, label("day", ends), label("month", ends))
        assert dt.datetime.fromtimestamp(ends, dt.timezone.utc).hour == 0


@dataclass
class Story:
    """Jobs and what may happen to them, with what they should have cost."""

    stores: Stores
    whose: tuple[Held, ...] = held(LARGE)
    jobs: list[Job] = field(default_factory=list)
    paid: dict[str, float] = field(default_factory=dict)
    stored: int = 0

    async def come(self, digest: str | None) -> None:
        jobs, flights = self.stores
        cost = 1.0 + 0.25 * len(self.jobs)
        job = a_job(NOON + len(self.jobs), plan=replace(PLAN, estimate=Estimate(cost, 2.0)))
        limits = AdmissionLimits(held=self.whose)
        if digest is None:
            await jobs.create(job, limits)
            await jobs.create(job, limits)  # the same call again
        else:
            leader_id = await flights.leader(digest)
            claim = None if leader_id is None else Claim(leader_id, next(j for j in self.jobs if j.id == leader_id))
            role = Role.LEAD if claim is None else Role.FOLLOW
            assert await flights.enter(job, digest, role, claim, limits)
        self.jobs.append(job)
        if digest is None or role is Role.LEAD:
            self.paid[job.id] = cost

    async def stop(self, at: int, how: str) -> None:
        jobs = self.stores[0]
        job = await jobs.get(self.jobs[at].id)
        in_line = await jobs.position(job.id) is not None
        if in_line and not job.attempts:
            self.paid.pop(job.id)
        if how == "cancel":
            await jobs.cancel(job.id, "public", CANCELLED, NOON)
            await jobs.cancel(job.id, "public", CANCELLED, NOON)
        else:
            await jobs.delete(job.id, "public")

    async def run(self, at: int, how: str) -> None:
        jobs = self.stores[0]
        job = self.jobs[at]
        if await jobs.position(job.id) is None:
            return
        lease = await jobs.lease(job.id, "main", 30.0, NOON)
        if how == "cancel":
            await jobs.cancel(job.id, "public", CANCELLED, NOON)
        elif how == "lost":
            await jobs.requeue(job.id, lease.fence, NOON, lost=True)
        elif how == "fail":
            self.paid.pop(job.id)
            for _ in range(2):
                await jobs.fail(job.id, lease.fence, OURS, NOON)
        else:
            self.stored += FILE.size_bytes
            for _ in range(2):
                await jobs.complete(job.id, lease.fence, {"video": FILE}, Measured(), NOON, NOON + 900)

    async def resolve(self, digest: str) -> None:
        """What the dispatcher does with a flight whose leader is gone without a video."""
        flights = self.stores[1]
        leader_id, followers = await flights.leader(digest), await flights.followers(digest, 10)
        leader = None if leader_id is None else next(job for job in self.jobs if job.id == leader_id)
        try:
            ended = leader is None or (await self.stores[0].get(leader.id)).phase.ended
        except Exception:  # noqa: BLE001  deleted
            ended = True
        if not ended:
            return
        if followers and await flights.promote(digest, leader_id, followers[0]):
            job = next(job for job in self.jobs if job.id == followers[0])
            self.paid.setdefault(job.id, job.plan.estimate.step_seconds)
        else:
            await flights.park(digest, leader_id, followers, 0.0)

    async def play(self, moves: list[tuple[str, int, str]]) -> None:
        for verb, number, how in moves:
            if verb == "come":
                await self.come(None if number % 3 == 0 else f"{number % 3}" * 64)
            elif self.jobs:
                at = number % len(self.jobs)
                try:
                    phase = (await self.stores[0].get(self.jobs[at].id)).phase
                except Exception:  # noqa: BLE001  deleted
                    continue
                if verb == "stop" and not phase.ended:
                    await self.stop(at, "delete" if how == "fail" else "cancel")
                elif verb == "run":
                    await self.run(at, how)
                for digest in ("1" * 64, "2" * 64):
                    await self.resolve(digest)
            await self.check()

    async def check(self) -> None:
        found = await used(self.stores[0], self.whose)
        assert found["limits.tenant.day.jobs"] == len(self.paid)
        assert found["limits.tenant.day.step_seconds"] == pytest.approx(sum(self.paid.values()))
        assert found["limits.tenant.day.stored_bytes"] == self.stored


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["come", "come", "stop", "run"]),
        st.integers(0, 20),
        st.sampled_from(["cancel", "lost", "fail", "complete"]),
    ),
    max_size=25,
)


@given(MOVES)
def test_what_is_made_is_paid_once_and_given_back_once(moves: list[tuple[str, int, str]]) -> None:
    memory = MemoryJobs()
    anyio.run(Story((memory, MemoryFlights(memory))).play, moves)


@settings(max_examples=40)
@given(MOVES)
def test_the_same_holds_in_redis(redis_server: LocalRedis, moves: list[tuple[str, int, str]]) -> None:
    redis_server.start()  # a test may have stopped it

    async def played() -> None:
        client = connect(redis_server.url, 5.0)
        try:
            await Story(in_redis(client, f"test-{uuid.uuid4().hex}")).play(moves)
        finally:
            await client.aclose()

    anyio.run(played)


async def test_a_quota_is_named_and_told_until_when_and_begins_anew(stores: Stores) -> None:
    jobs, _ = stores
    limits = AdmissionLimits(held=held(Quota(step_seconds=3.0), Quota(step_seconds=4.0)))
    await jobs.create(a_job(NOON), limits)
    await jobs.create(a_job(NOON), limits)
    with pytest.raises(QuotaExceeded, match=r"limits\.tenant\.day\.step_seconds") as refused:
        await jobs.create(a_job(NOON), limits)
    assert refused.value.param == "limits.tenant.day.step_seconds"
    assert refused.value.retry_after_s == DAY / 2
    with pytest.raises(QuotaExceeded, match=r"limits\.tenant\.month\.step_seconds"):
        await jobs.create(a_job(NOON + DAY), limits)
    await jobs.create(a_job(NOON + 31 * DAY), limits)
    assert await used(jobs, limits.held, NOON + 31 * DAY) == dict.fromkeys(
        ("limits.tenant.day.step_seconds", "limits.tenant.month.step_seconds"), 1.5
    )


async def test_of_twenty_who_come_at_once_as_many_get_in_as_the_quota_pays_for(stores: Stores) -> None:
    jobs, _ = stores
    limits, refused = AdmissionLimits(held=held(Quota(jobs=7))), 0

    async def come() -> None:
        nonlocal refused
        try:
            await jobs.create(a_job(NOON), limits)
        except QuotaExceeded:
            refused += 1

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(come)
    assert refused == 13


async def test_what_a_job_stores_counts_when_it_is_stored_and_keeps_the_next_one_out(stores: Stores) -> None:
    jobs, _ = stores
    limits = AdmissionLimits(held=held(month=Quota(stored_bytes=1000)))
    first, second = a_job(NOON), a_job(NOON)
    await jobs.create(first, limits)
    await jobs.create(second, limits)
    lease = await jobs.lease(first.id, "main", 30.0, NOON)
    await jobs.complete(first.id, lease.fence, {"video": FILE}, Measured(), NOON, NOON + 900)
    with pytest.raises(QuotaExceeded, match="stored_bytes"):
        await jobs.create(a_job(NOON), limits)


async def test_a_picture_counts_with_its_bytes(stores: Stores) -> None:
    jobs, _ = stores
    limits = AdmissionLimits(held=held(Quota(upload_bytes=1500)))
    pictured = replace(PLAN, image=Artifact("inputs/x.png", "image/png", 1000))
    await jobs.create(a_job(NOON, plan=pictured), limits)
    with pytest.raises(QuotaExceeded, match="upload_bytes"):
        await jobs.check(a_job(NOON, plan=pictured), limits)
    await jobs.create(a_job(NOON), limits)


async def test_jobs_at_once_are_counted_by_key_and_by_tenant(stores: Stores) -> None:
    jobs, _ = stores
    rules = Limits(key=Account(concurrent=1), keys={"k2": Account(concurrent=2)}, tenant=Account(concurrent=2))

    def limits(key: str) -> AdmissionLimits:
        return AdmissionLimits(
            held=(Held("tenant", "public", rules.of_tenant("public")), Held("key", key, rules.of_key(key)))
        )

    first = a_job(NOON, key_id="k1")
    await jobs.create(first, limits("k1"))
    with pytest.raises(ConcurrencyExceeded) as refused:
        await jobs.create(a_job(NOON, key_id="k1"), limits("k1"))
    assert (refused.value.error_code, refused.value.param) == ("concurrency_exceeded", "limits.key.concurrent")
    await jobs.create(a_job(NOON, key_id="k2"), limits("k2"))
    with pytest.raises(ConcurrencyExceeded, match=r"limits\.tenant\.concurrent"):
        await jobs.create(a_job(NOON, key_id="k2"), limits("k2"))
    await jobs.cancel(first.id, "public", CANCELLED, NOON)
    await jobs.create(a_job(NOON, key_id="k1"), limits("k1"))
    assert (await jobs.get(first.id)).key_id == "k1"


async def test_what_stands_aside_has_paid_for_both_and_gets_nothing_back_while_another_makes_it(stores: Stores) -> None:
    jobs, flights = stores
    whose, digest = held(Quota(jobs=9)), "d" * 64
    limits = AdmissionLimits(held=whose)
    first, urgent = a_job(NOON), a_job(NOON, priority="high")
    assert await flights.enter(first, digest, Role.LEAD, None, limits)
    assert await flights.enter(urgent, digest, Role.TAKE_OVER, Claim(first.id, first), limits)
    assert await used(jobs, whose) == {"limits.tenant.day.jobs": 1.0}
    await jobs.cancel(first.id, "public", CANCELLED, NOON)
    assert await used(jobs, whose) == {"limits.tenant.day.jobs": 1.0}


async def test_a_window_that_rolls_gets_back_what_was_never_begun(stores: Stores) -> None:
    jobs, _ = stores
    limits, job = AdmissionLimits(most_spent=2.0), a_job(NOON)
    await jobs.create(job, limits)
    await jobs.cancel(job.id, "public", CANCELLED, NOON)
    assert (await jobs.usage("public", limits, NOON)).spent == 0.0
    await jobs.create(a_job(NOON), limits)


async def test_keys_are_no_tenants_among_those_who_share_the_line(stores: Stores) -> None:
    jobs, _ = stores
    limits = AdmissionLimits(most_waiting=10)  # of which the last one is for who has less than its part
    for number in range(9):
        await jobs.create(a_job(NOON, tenant="a" if number < 4 else "b", key_id=f"k{number}"), limits)
    await jobs.create(a_job(NOON, tenant="a", key_id="k0"), limits)
