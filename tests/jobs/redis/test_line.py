"""The line is read once and is never stale."""

from __future__ import annotations

import random

import pytest

from app.errors import JobNotFound, KinorayError
from app.jobs.redis import line as redis_line
from app.jobs.redis.jobs import RedisJobs
from app.jobs.store import JobStore
from app.redis.connection import Client
from app.types import Failure, Phase
from tests.jobs.make import a_job

pytestmark = pytest.mark.anyio

LATE = Failure("timeout", "Too late.")


async def test_a_record_is_read_once_for_each_time_that_its_job_waits(redis: Client, prefix: str) -> None:
    looker, other = RedisJobs(redis, prefix), RedisJobs(redis, prefix)
    first, second = a_job(1.0), a_job(2.0)
    await other.create(first)
    await other.create(second)
    before = list(await looker.waiting())
    assert before == [first, second]
    lease = await other.lease(first.id, "main", 30.0, 3.0)
    back = await other.requeue(first.id, lease.fence, 4.0)
    after = list(await looker.waiting())
    assert after == [back, second]
    assert (after[0].fence, after[0].attempts) == (2, 1)
    assert after[1] is before[1]


async def test_a_line_longer_than_what_is_kept_is_read_whole(
    redis: Client, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_line, "KEPT", 2)
    jobs = RedisJobs(redis, prefix)
    made = [a_job(float(place)) for place in range(5)]
    for job in made:
        await jobs.create(job)
    looks = [list(await jobs.waiting()) for _ in range(3)]
    assert looks == [made] * 3
    assert looks[1][1] is looks[2][1]
    assert looks[1][2] is not looks[2][2]


async def act(jobs: JobStore, ids: list[str], draw: random.Random) -> None:
    """One thing that happens to one of a few jobs; some is refused. One that is no more makes room for another."""
    place = draw.randrange(len(ids))
    try:
        job = await jobs.get(ids[place])
    except JobNotFound:
        job = a_job(draw.random())
        ids[place] = job.id
        await jobs.create(job)
    verb = draw.choice([*["lease", "requeue"] * 5, "advance", "fail", "cancel", "delete"])
    if verb == "lease":
        await jobs.lease(job.id, "main", 30.0, 1.0)
    elif verb == "requeue":
        await jobs.requeue(job.id, job.fence, 1.0)
    elif verb == "advance":
        await jobs.advance(job.id, job.fence, Phase.DENOISING, 1.0, 3)
    elif verb == "fail":
        await jobs.fail(job.id, job.fence, LATE, 1.0)
    elif verb == "cancel":
        await jobs.cancel(job.id, None, LATE, 1.0)
    else:
        await jobs.delete(job.id, job.tenant)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_between_two_looks_the_line_is_what_a_newcomer_reads(
    redis: Client, prefix: str, seed: int
) -> None:
    draw, ids = random.Random(seed), [a_job().id for _ in range(4)]
    looker, other = RedisJobs(redis, prefix), RedisJobs(redis, prefix)
    for _ in range(60):
        for _ in range(draw.randrange(12)):
            try:
                await act(other, ids, draw)
            except KinorayError:
                continue
        assert list(await looker.waiting()) == list(await RedisJobs(redis, prefix).waiting())
