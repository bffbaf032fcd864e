"""A job that no replica confirms is refused, and nothing of it stays behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.errors import JobNotFound, NotReplicated
from app.jobs.admission_limits import AdmissionLimits, IdempotencyKey
from app.jobs.flights import Role
from app.jobs.redis.flights import RedisFlights
from app.jobs.redis.jobs import RedisJobs
from app.redis.connection import Client
from app.types import Failure, Phase
from tests.jobs.make import a_job
from tests.redis_pair import Pair

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

KEY = IdempotencyKey("mine", "digest", 600.0)
LIMITS = AdmissionLimits(KEY, most_open=5, most_spent=1e6)


@pytest.mark.parametrize("way_in", ["line", "flight", "repeat"])
async def test_what_is_refused_leaves_nothing_and_comes_in_later_under_the_same_key(
    way_in: str, pair: Pair, replicated: Client, prefix: str
) -> None:
    jobs, flights, job = RedisJobs(replicated, prefix), RedisFlights(replicated, prefix), a_job()
    if way_in == "repeat":
        job = replace(job, phase=Phase.COMPLETED, completed_at=101.0, expires_at=1e10)

    async def enter() -> None:
        if way_in == "flight":
            assert await flights.enter(job, "d", Role.LEAD, None, LIMITS)
        else:
            await jobs.create(job, LIMITS)

    await jobs.create(a_job(tenant=job.tenant))  # the replica is known to keep up: it is written first, then asked
    before = await jobs.usage(job.tenant, LIMITS, job.created_at)
    pair.freeze()
    with pytest.raises(NotReplicated):
        await enter()
    with pytest.raises(JobNotFound):
        await jobs.get(job.id)
    assert job.id not in [each.id for each in await jobs.waiting()]
    assert await jobs.usage(job.tenant, LIMITS, job.created_at) == before
    assert await jobs.answered(KEY, job.tenant) is None
    pair.wake()
    if way_in == "flight":  # the dispatcher has closed the flight that nobody leads
        assert await flights.park("d", job.id, [], 0.0)
    await enter()
    assert (await jobs.get(job.id)).id == job.id
    assert await jobs.answered(KEY, job.tenant) == job.id


async def test_a_replay_is_confirmed_as_well(pair: Pair, replicated: Client, prefix: str) -> None:
    jobs, job = RedisJobs(replicated, prefix), a_job()
    await jobs.create(job, LIMITS)
    pair.freeze()
    with pytest.raises(NotReplicated):
        await jobs.answered(KEY, job.tenant)
    pair.wake()
    assert await jobs.answered(KEY, job.tenant) == job.id


async def test_what_is_under_way_ends_without_a_replica(pair: Pair, replicated: Client, prefix: str) -> None:
    jobs, job = RedisJobs(replicated, prefix), a_job()
    assert not await jobs.any()
    await jobs.create(job)
    assert await jobs.any()
    pair.freeze()
    lease = await jobs.lease(job.id, "main", 30.0, 101.0)
    assert (
        await jobs.cancel(job.id, job.tenant, Failure("cancelled", "The job was cancelled."), 102.0)
    ).fence > lease.fence
    await jobs.delete(job.id, job.tenant)
    pair.wake()
