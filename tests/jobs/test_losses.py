"""What the dispatcher does over a real Redis with replicas that are lost, and with jobs that come after others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from ray.exceptions import RayActorError

from app.redis.connection import Client
from app.settings import Settings
from app.stores import Stores, open_stores
from app.types import Job, Measured, Phase, ReplicaInfo
from deployments.dispatcher import Dispatcher
from tests.jobs.make import a_job

pytestmark = pytest.mark.anyio

Replica = Callable[[Stores, str, int], Awaitable[None]]


class Pool:
    """A handle to replicas that all do the same; it keeps who was given what, and when."""

    def __init__(self, stores: Stores, replica: Replica) -> None:
        self.run = self
        self.began: list[tuple[str, float]] = []
        self._stores = stores
        self._replica = replica

    async def remote(self, job_id: str, fence: int) -> None:
        self.began.append((job_id, time.monotonic()))
        await self._replica(self._stores, job_id, fence)


async def dies(stores: Stores, job_id: str, fence: int) -> None:
    raise RayActorError()


async def stalls(stores: Stores, job_id: str, fence: int) -> None:
    await asyncio.Event().wait()


async def makes(stores: Stores, job_id: str, fence: int) -> None:
    await stores.jobs.complete(job_id, fence, {}, Measured(), time.time(), time.time() + 60.0)


async def leaves(stores: Stores, job_id: str, fence: int) -> None:
    await stores.jobs.requeue(job_id, fence, time.time())


@pytest.fixture
async def stores(redis_url: str, prefix: str, redis: Client, monkeypatch: pytest.MonkeyPatch) -> Stores:
    monkeypatch.setattr("app.stores.connect", lambda url, timeout_s: redis)  # one that is closed afterwards
    return open_stores(Settings(redis_url=redis_url, redis_prefix=prefix))


@pytest.fixture
async def dispatch(redis_url: str, prefix: str, stores: Stores) -> AsyncIterator[Callable[..., Awaitable[Pool]]]:
    """Start a dispatcher with one pool of such replicas."""
    made: list[Any] = []

    async def start(replica: Replica, **settings: Any) -> Pool:
        await stores.jobs.announce(ReplicaInfo("r", "main", "m", slots=4, running=0, step_s=0.1, seen_at=0.0), 60.0)
        pool, dispatcher = Pool(stores, replica), Dispatcher.__new__(Dispatcher)
        begin: Any = dispatcher.__init__  # type: ignore[misc]  # as Serve does
        await begin(Settings(redis_url=redis_url, redis_prefix=prefix, **settings), {"main": pool})
        made.append(dispatcher)
        return pool

    yield start
    tasks = [task for dispatcher in made for task in dispatcher._tasks]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def ended(stores: Stores, job: Job) -> Job:
    for _ in range(160):
        found = await stores.jobs.get(job.id)
        if found.phase.ended:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{job.id} is still {found.phase}")


async def test_a_job_that_loses_its_replica_three_times_is_set_aside_with_growing_pauses(
    stores: Stores, dispatch: Callable[..., Awaitable[Pool]]
) -> None:
    pool, job = await dispatch(dies, retry_first_s=0.4), a_job(time.time())
    await stores.jobs.create(job)
    found = await ended(stores, job)
    assert found.failure is not None
    assert (found.failure.code, found.attempts, found.losses) == ("worker_lost", 3, 2)
    began = [at for _, at in pool.began]
    assert (began[1] - began[0] >= 0.4, began[2] - began[1] >= 0.8) == (True, True)


async def test_a_job_that_is_handed_back_in_order_has_lost_nothing(
    stores: Stores, dispatch: Callable[..., Awaitable[Pool]]
) -> None:
    pool, job = await dispatch(leaves), a_job(time.time())
    await stores.jobs.create(job)
    for _ in range(100):
        if len(pool.began) > 6:
            break
        await asyncio.sleep(0.05)
    found = await stores.jobs.get(job.id)
    assert found.attempts > 6
    assert (found.losses, found.phase.ended) == (0, False)


async def test_a_lease_that_nobody_renews_is_taken_back_though_its_end_lies_days_ahead(
    stores: Stores, dispatch: Callable[..., Awaitable[Pool]]
) -> None:
    job = a_job(time.time())
    await stores.jobs.create(job)
    await stores.jobs.lease(job.id, "main", 30.0, time.time() + 86400.0)  # by a machine whose clock was ahead
    await dispatch(makes, lease_s=1.0, retry_first_s=0.0)
    found = await ended(stores, job)
    assert (found.phase, found.losses) == (Phase.COMPLETED, 1)


async def test_a_lease_that_is_renewed_is_kept_though_its_end_lies_in_the_past(
    stores: Stores, dispatch: Callable[..., Awaitable[Pool]]
) -> None:
    job = a_job(time.time())
    await stores.jobs.create(job)
    lease = await stores.jobs.lease(job.id, "main", 30.0, time.time() - 86400.0)
    await dispatch(makes, lease_s=1.0)
    for beat in range(8):
        assert await stores.jobs.renew([lease], 30.0, time.time() - 86400.0 + beat) == []
        await asyncio.sleep(0.25)
    assert (await stores.jobs.get(job.id)).fence == lease.fence


async def test_a_job_runs_after_those_that_it_comes_after(
    stores: Stores, dispatch: Callable[..., Awaitable[Pool]]
) -> None:
    first, second = a_job(time.time()), a_job(time.time())
    last = a_job(time.time() - 50.0, after=(first.id, second.id))
    for job in (first, second, last):
        await stores.jobs.create(job)
    pool = await dispatch(makes)
    assert (await ended(stores, last)).phase is Phase.COMPLETED
    assert [job_id for job_id, _ in pool.began][2:] == [last.id]


async def test_a_dispatcher_that_comes_later_ends_what_waits_for_a_job_that_is_gone(
    stores: Stores, dispatch: Callable[..., Awaitable[Pool]]
) -> None:
    first = a_job(time.time())
    second = a_job(time.time(), after=(first.id,))
    third = a_job(time.time(), after=(second.id,), deadline=time.time() + 60.0)
    for job in (first, second, third):
        await stores.jobs.create(job)
    await stores.jobs.delete(first.id, "public")  # while no dispatcher is there
    await dispatch(makes)
    for job in (second, third):
        found = await ended(stores, job)
        assert found.failure is not None
        assert found.failure.code == "dependency_failed"
        await asyncio.sleep(0.1)
        assert [event.kind for event in await stores.events.read(job.id, None, 0.0)] == ["end"]


async def test_a_job_that_waits_for_another_is_given_up_at_its_deadline(
    stores: Stores, dispatch: Callable[..., Awaitable[Pool]]
) -> None:
    first = a_job(time.time())
    second = a_job(time.time(), after=(first.id,), deadline=time.time() + 0.3)
    await stores.jobs.create(first)
    await stores.jobs.create(second)
    await dispatch(stalls)
    found = await ended(stores, second)
    assert found.failure is not None
    assert found.failure.code == "timeout"


async def test_a_tenant_runs_no_more_than_it_may_and_holds_up_nobody(
    stores: Stores, dispatch: Callable[..., Awaitable[Pool]]
) -> None:
    mine = [a_job(time.time() + place) for place in range(3)]
    theirs = a_job(time.time() + 5.0, tenant="other")
    for job in (*mine, theirs):
        await stores.jobs.create(job)
    pool = await dispatch(stalls, tenant_max_running=1)
    await asyncio.sleep(1.2)
    assert sorted(job_id for job_id, _ in pool.began) == sorted([mine[0].id, theirs.id])
