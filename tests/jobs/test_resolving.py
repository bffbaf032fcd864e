"""What the dispatcher does for followers in a real Redis when nobody else does."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from app.cache.keys import plan_digest
from app.jobs.redis.scripts import Keys
from app.redis.connection import Client
from app.service.single_flight import enter
from app.settings import Settings
from app.stores import Stores
from app.types import Failure, Job, Measured, Phase
from deployments.dispatcher import Dispatcher
from tests.jobs.make import PLAN, a_job
from tests.jobs.test_passes import dispatcher, stores, until

__all__ = ["dispatcher", "stores"]
pytestmark = pytest.mark.anyio
DIGEST = plan_digest(PLAN, "public")


@pytest.fixture
def settings(redis_url: str, prefix: str, tmp_path: Path) -> Settings:
    return Settings(redis_url=redis_url, redis_prefix=prefix, slots=1, state_dir=tmp_path)


async def entered(stores: Stores, **changed: object) -> Job:
    async def admit() -> None:
        return None

    job = a_job(time.time(), **changed)
    await enter(job, True, stores, admit, 60.0)
    return job


async def test_followers_get_their_video_though_the_finisher_died_after_closing_the_job(
    stores: Stores, dispatcher: Dispatcher
) -> None:
    leader = await entered(stores)
    followers = [await entered(stores) for _ in range(3)]
    fence = (await until(stores, leader, Phase.ENCODING)).fence
    video = await stores.artifacts.put(f"{leader.id}/{fence}/video.mp4", b"a video", "video/mp4")
    now = time.time()
    await stores.board.hold(leader.id, leader.id)
    await stores.jobs.complete(leader.id, fence, {"video": video}, Measured(), now, now + 60.0)
    for job in followers:
        done = await until(stores, job, Phase.COMPLETED)
        assert (done.artifacts, done.cache.kind, done.attempts) == ({"video": video}, "flight", 0)
        end = (await stores.events.read(job.id, None, 1.0))[-1]
        assert (end.kind, end.data) == ("end", {"status": "completed"})
    assert (await stores.meter.read())["cache_hits:flight"] == 3


async def test_a_follower_starts_when_its_leader_has_failed(stores: Stores, dispatcher: Dispatcher) -> None:
    leader, second, third = [await entered(stores) for _ in range(3)]
    fence = (await until(stores, leader, Phase.ENCODING)).fence
    await stores.jobs.fail(leader.id, fence, Failure("numerical_error", "NaN"), time.time())
    await until(stores, second, Phase.ENCODING)
    assert (await stores.jobs.get(third.id)).phase is Phase.QUEUED
    assert await stores.flights.leader(DIGEST) == second.id


async def test_a_follower_starts_when_its_leader_has_vanished(
    stores: Stores, dispatcher: Dispatcher, redis: Client, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.dispatcher.SWEEP_S", 0.0)
    leader, second = [await entered(stores) for _ in range(2)]
    await until(stores, leader, Phase.ENCODING)
    await redis.delete(Keys(prefix).job(leader.id))
    await until(stores, second, Phase.ENCODING)


async def test_a_follower_ends_when_its_deadline_has_passed(stores: Stores, dispatcher: Dispatcher) -> None:
    now = time.time()
    leader = await entered(stores, deadline=now + 0.1)
    follower = await entered(stores, deadline=now + 0.3)
    await until(stores, leader, Phase.ENCODING)
    ended = await until(stores, follower, Phase.FAILED)
    assert ended.failure is not None
    assert (ended.failure.code, ended.attempts) == ("timeout", 0)
    await asyncio.sleep(0.1)
    assert list(await stores.flights.late(time.time(), 9)) == []
