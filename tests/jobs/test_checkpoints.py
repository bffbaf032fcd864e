"""What every Checkpoints store promises, asked of the one in memory and of the one in a real Redis."""

from __future__ import annotations

import pytest

from app.errors import JobNotFound, LeaseLost
from app.jobs.checkpoints import Checkpoints, MemoryCheckpoints
from app.jobs.memory import MemoryJobs
from app.jobs.redis.checkpoints import RedisCheckpoints
from app.jobs.redis.jobs import RedisJobs
from app.jobs.store import JobStore
from app.redis.connection import Client
from app.types import Failure, Lease
from tests.jobs.make import a_job
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio
Rooms = tuple[JobStore, Checkpoints]


@pytest.fixture(params=MEMORY_AND_REDIS)
def rooms(request: pytest.FixtureRequest) -> Rooms:
    if request.param == "memory":
        jobs = MemoryJobs()
        return jobs, MemoryCheckpoints(jobs)
    redis: Client = request.getfixturevalue("redis")
    prefix: str = request.getfixturevalue("prefix")
    return RedisJobs(redis, prefix), RedisCheckpoints(redis, prefix)


async def leased(jobs: JobStore) -> Lease:
    job = a_job()
    await jobs.create(job)
    return await jobs.lease(job.id, "main", 30.0, 200.0)


async def test_the_newest_checkpoint_is_found_by_whoever_runs_the_job_next(rooms: Rooms) -> None:
    jobs, checkpoints = rooms
    lease = await leased(jobs)
    assert await checkpoints.get(lease.job_id) is None
    await checkpoints.put(lease.job_id, lease.fence, b"one")
    await checkpoints.put(lease.job_id, lease.fence, b"\x00two")
    await jobs.requeue(lease.job_id, lease.fence, 210.0)
    again = await jobs.lease(lease.job_id, "main", 30.0, 220.0)
    assert await checkpoints.get(lease.job_id) == b"\x00two"
    await checkpoints.put(lease.job_id, again.fence, b"three")
    assert await checkpoints.get(lease.job_id) == b"three"


async def test_an_attempt_that_was_replaced_writes_no_checkpoint(rooms: Rooms) -> None:
    jobs, checkpoints = rooms
    lease = await leased(jobs)
    await checkpoints.put(lease.job_id, lease.fence, b"good")
    await jobs.requeue(lease.job_id, lease.fence, 210.0)
    with pytest.raises(LeaseLost):
        await checkpoints.put(lease.job_id, lease.fence, b"stale")
    assert await checkpoints.get(lease.job_id) == b"good"


@pytest.mark.parametrize("end", ["fail", "cancel", "delete"])
async def test_the_end_of_a_job_is_the_end_of_its_checkpoint(rooms: Rooms, end: str) -> None:
    jobs, checkpoints = rooms
    lease = await leased(jobs)
    await checkpoints.put(lease.job_id, lease.fence, b"kept")
    failure = Failure("cancelled", "Enough.")
    if end == "fail":
        await jobs.fail(lease.job_id, lease.fence, failure, 210.0)
    elif end == "cancel":
        await jobs.cancel(lease.job_id, None, failure, 210.0)
    else:
        await jobs.delete(lease.job_id, "public")
    assert await checkpoints.get(lease.job_id) is None
    with pytest.raises(LeaseLost):
        await checkpoints.put(lease.job_id, lease.fence, b"late")


async def test_what_is_no_id_never_becomes_a_key(rooms: Rooms) -> None:
    _, checkpoints = rooms
    with pytest.raises((JobNotFound, LeaseLost)):
        await checkpoints.put("../../etc", 1, b"x")
