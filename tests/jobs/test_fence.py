"""A replica that stood still, lost its lease and comes back: nothing that it writes to a real Redis changes the job."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from app.errors import JobNotFound, LeaseLost
from app.jobs.redis.checkpoints import RedisCheckpoints
from app.jobs.redis.events import RedisEvents
from app.jobs.redis.jobs import RedisJobs
from app.redis.connection import Client
from app.types import CacheUse, Failure, Lease, Measured, Phase
from tests.jobs.make import VIDEO, a_job

pytestmark = pytest.mark.anyio


def writes(redis: Client, prefix: str, lease: Lease) -> list[Awaitable[object]]:
    """All that a replica can write about an attempt."""
    jobs, events = RedisJobs(redis, prefix), RedisEvents(redis, prefix)
    checkpoints = RedisCheckpoints(redis, prefix)
    job_id, fence = lease.job_id, lease.fence
    return [
        jobs.advance(job_id, fence, Phase.DENOISING, 400.0, 19, 1.0),
        jobs.note_cache(job_id, fence, CacheUse(embedding_hit=True)),
        jobs.complete(job_id, fence, {"video": VIDEO}, Measured(), 400.0, 900.0),
        jobs.fail(job_id, fence, Failure("timeout", "It took too long."), 400.0),
        jobs.requeue(job_id, fence, 400.0),
        checkpoints.put(job_id, fence, b"a stale state"),
        *(events.append(job_id, kind, 400.0, {}, fence) for kind in ("phase", "step", "preview", "end")),
    ]


@pytest.mark.parametrize("since", ["taken back", "leased again", "completed by another", "cancelled", "deleted"])
async def test_a_stalled_replica_writes_no_more(redis: Client, prefix: str, since: str) -> None:
    jobs, events = RedisJobs(redis, prefix), RedisEvents(redis, prefix)
    checkpoints = RedisCheckpoints(redis, prefix)
    job = a_job()
    await jobs.create(job)
    stale = await jobs.lease(job.id, "main", 30.0, 100.0)
    await jobs.advance(job.id, stale.fence, Phase.DENOISING, 101.0, 3, 9.0)
    if since == "cancelled":
        await jobs.cancel(job.id, None, Failure("cancelled", "It was cancelled."), 140.0)
    elif since == "deleted":
        await jobs.delete(job.id, "public")
    else:
        await jobs.requeue(job.id, stale.fence, 140.0, lost=True)
        if since != "taken back":
            lease = await jobs.lease(job.id, "main", 30.0, 141.0)
            await checkpoints.put(job.id, lease.fence, b"a new state")
            if since == "completed by another":
                await jobs.complete(job.id, lease.fence, {}, Measured(), 150.0, 900.0)
    before = None if since == "deleted" else await jobs.get(job.id)
    kept = await checkpoints.get(job.id)

    for write in writes(redis, prefix, stale):
        with pytest.raises(LeaseLost):
            await write
    assert await jobs.renew([stale], 30.0, 400.0) == [job.id]

    assert await events.read(job.id, None, 0.0) == []
    assert await checkpoints.get(job.id) == kept
    if before is None:
        with pytest.raises(JobNotFound):
            await jobs.get(job.id)
    else:
        assert await jobs.get(job.id) == before


async def test_whoever_holds_the_lease_writes_events(redis: Client, prefix: str) -> None:
    jobs, events = RedisJobs(redis, prefix), RedisEvents(redis, prefix)
    job = a_job()
    await jobs.create(job)
    lease = await jobs.lease(job.id, "main", 30.0, 100.0)
    made = await events.append(job.id, "step", 101.0, {"step": 1}, lease.fence)
    (event,) = await events.read(job.id, None, 0.0)
    assert (event.id, event.kind, event.data) == (made, "step", {"step": 1})
