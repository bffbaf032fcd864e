"""What the Dispatcher does for followers in a real Redis when nobody else does."""

from __future__ import annotations

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
from tests.dispatch.over_redis import Dispatch, dispatch, stores
from tests.dispatch.workers import code_of, told
from tests.jobs.make import PLAN, a_job

__all__ = ["dispatch", "stores"]
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


async def dispatcher_has_passed(stores: Stores) -> None:
    """Wait for a whole pass: a job that comes now is ended in the one after the next at the latest."""
    for _ in range(2):
        late = a_job(time.time(), deadline=time.time() - 1.0)
        await stores.jobs.create(late)
        await told(stores, late, "end")


async def test_followers_get_their_video_though_the_finisher_died_after_closing_the_job(
    stores: Stores, dispatch: Dispatch
) -> None:
    leader = await entered(stores)
    followers = [await entered(stores) for _ in range(3)]
    fence = (await (await dispatch()).next()).fence
    video = await stores.artifacts.put(f"{leader.id}/{fence}/video.mp4", b"a video", "video/mp4")
    now = time.time()
    await stores.board.hold(leader.id, leader.id)
    await stores.jobs.complete(leader.id, fence, {"video": video}, Measured(), now, now + 60.0)
    for job in followers:
        assert (await told(stores, job, "end")).data == {"status": "completed"}
        done = await stores.jobs.get(job.id)
        assert (done.phase, done.artifacts) == (Phase.COMPLETED, {"video": video})
        assert (done.cache.kind, done.attempts) == ("flight", 0)
    await dispatcher_has_passed(stores)
    assert (await stores.meter.read())["cache_hits:flight"] == 3


async def test_a_follower_starts_when_its_leader_has_failed(stores: Stores, dispatch: Dispatch) -> None:
    leader, second, third = [await entered(stores) for _ in range(3)]
    workers = await dispatch()
    fence = (await workers.next()).fence
    await stores.jobs.fail(leader.id, fence, Failure("numerical_error", "NaN"), time.time())
    assert (await workers.next()).job_id == second.id
    assert (await stores.jobs.get(third.id)).phase is Phase.QUEUED
    assert await stores.flights.leader(DIGEST) == second.id


async def test_a_follower_starts_when_its_leader_has_vanished(
    stores: Stores, dispatch: Dispatch, redis: Client, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.dispatch.sweep.SWEEP_S", 0.0)
    leader, second = [await entered(stores) for _ in range(2)]
    workers = await dispatch()
    assert (await workers.next()).job_id == leader.id
    await redis.delete(Keys(prefix).job(leader.id))
    assert (await workers.next()).job_id == second.id


async def test_a_follower_ends_when_its_deadline_has_passed(stores: Stores, dispatch: Dispatch) -> None:
    now = time.time()
    leader = await entered(stores, deadline=now + 0.5)
    follower = await entered(stores, deadline=now + 0.7)
    assert (await (await dispatch()).next()).job_id == leader.id
    assert code_of(await told(stores, follower, "end")) == "timeout"
    ended = await stores.jobs.get(follower.id)
    assert ended.failure is not None
    assert (ended.failure.code, ended.attempts) == ("timeout", 0)
    await dispatcher_has_passed(stores)
    assert list(await stores.flights.late(time.time(), 9)) == []
