"""The log of failures, in memory and in a real Redis."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.jobs.failures import KEPT, FailureNote, Failures, MemoryFailures, failure_of
from app.jobs.redis.failures import RedisFailures
from app.redis.connection import Client
from app.types import Failure, Phase
from tests.jobs.make import a_job
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio
NOTE = FailureNote("video_00000000", "ann", 100.0, "worker_lost", "It was lost.", "shapes", "main", "standard", 2)


@pytest.fixture(params=MEMORY_AND_REDIS)
def failures(request: pytest.FixtureRequest, redis: Client, prefix: str) -> Failures:
    return MemoryFailures() if request.param == "memory" else RedisFailures(redis, prefix, 3600)


async def test_the_newest_come_first_and_the_oldest_go(failures: Failures) -> None:
    for number in range(KEPT + 5):
        await failures.add(replace(NOTE, at=float(number)))
    assert [each.at for each in await failures.recent(2)] == [KEPT + 4.0, KEPT + 3.0]
    assert await failures.recent(1) == [replace(NOTE, at=KEPT + 4.0)]
    assert len(await failures.recent(10 * KEPT)) == KEPT
    assert await failures.recent(0) == []


def test_what_is_noted_has_no_prompt_and_no_wish() -> None:
    job = a_job(phase=Phase.FAILED, failure=Failure("timeout", "Too late."), attempts=1)
    found = failure_of(job, 200.0)
    assert found is not None
    assert (found.id, found.code, found.model, found.attempts, found.at) == (
        job.id,
        "timeout",
        "kinoray-shapes",
        1,
        200.0,
    )
    assert job.plan.prompt not in str(found)
    assert failure_of(replace(job, failure=Failure("cancelled", "")), 200.0) is None
    assert failure_of(replace(job, failure=None), 200.0) is None
