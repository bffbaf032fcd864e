"""What the dispatcher does to a line in a real Redis, with replicas that hold every job they get."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import pytest
from pydantic import SecretStr

from app.jobs.board import PLACES
from app.redis.connection import Client
from app.settings import Settings
from app.stores import Stores, open_stores
from app.types import Job, Phase, ReplicaInfo, Webhook
from deployments.dispatcher import Dispatcher
from tests.jobs.make import a_job
from tests.webhooks.receiver import receiver
from tests.webhooks.test_message import SECRET

pytestmark = pytest.mark.anyio


class Holding:
    """A handle whose calls never end."""

    def __init__(self) -> None:
        self.run = self

    async def remote(self, job_id: str, fence: int) -> None:
        await asyncio.Event().wait()


@pytest.fixture
def settings(redis_url: str, prefix: str) -> Settings:
    return Settings(redis_url=redis_url, redis_prefix=prefix, slots=1)


@pytest.fixture
async def stores(settings: Settings, redis: Client, monkeypatch: pytest.MonkeyPatch) -> Stores:
    monkeypatch.setattr("app.stores.connect", lambda url, timeout_s: redis)  # one that is closed afterwards
    stores = open_stores(settings)
    await stores.jobs.announce(ReplicaInfo("r", "main", "m", slots=1, running=0, step_s=0.1, seen_at=0.0), 60.0)
    return stores


@pytest.fixture
async def dispatcher(settings: Settings, stores: Stores) -> AsyncIterator[Dispatcher]:
    made = Dispatcher.__new__(Dispatcher)
    start: Any = made.__init__  # type: ignore[misc]  # as Serve does
    await start(settings, {"main": Holding()})
    yield made
    tasks = list(made._tasks)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def until(stores: Stores, job: Job, phase: Phase) -> Job:
    for _ in range(100):
        found = await stores.jobs.get(job.id)
        if found.phase is phase:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{job.id} is still {found.phase}")


async def test_a_waiting_job_ends_when_its_deadline_has_passed(stores: Stores, dispatcher: Dispatcher) -> None:
    now = time.time()
    holding = a_job(now)
    await stores.jobs.create(holding)
    await until(stores, holding, Phase.ENCODING)
    late = a_job(now, deadline=now - 1.0)
    await stores.jobs.create(late)
    ended = await until(stores, late, Phase.FAILED)
    assert ended.failure is not None
    assert (ended.failure.code, ended.attempts) == ("timeout", 0)
    assert "deadline passed while it waited" in ended.failure.message
    await asyncio.sleep(0.1)
    end = (await stores.events.read(late.id, None, 1.0))[-1]
    assert (end.kind, end.data) == ("end", {"status": "failed", "error": asdict(ended.failure)})
    assert (await stores.meter.read())["jobs_ended:timeout"] == 1
    assert await stores.jobs.position(late.id) is None


async def test_a_higher_class_starts_in_a_full_pool_and_the_others_are_told_their_places(
    stores: Stores, dispatcher: Dispatcher
) -> None:
    now = time.time()
    holding, second, low, high = (
        a_job(now + place, priority=priority) for place, priority in enumerate(("normal", "normal", "low", "high"))
    )
    await stores.jobs.create(holding)
    await until(stores, holding, Phase.ENCODING)
    for job in (low, second, high):
        await stores.jobs.create(job)
    await until(stores, high, Phase.ENCODING)
    await asyncio.sleep(0.7)
    note = await stores.board.look(PLACES)
    assert note is not None
    assert {job_id: place[0] for job_id, place in note["jobs"].items()} == {second.id: 0, low.id: 1}
    told = [event.data["position"] for event in await stores.events.read(low.id, None, 0.0) if event.kind == "queue"]
    assert told[-1] == 1


async def test_the_end_of_a_job_is_told_by_the_dispatcher(settings: Settings, stores: Stores) -> None:
    async with receiver() as there:
        telling = settings.model_copy(
            update={"webhook_allow_private": True, "webhook_allow_http": True, "webhook_secret": SecretStr(SECRET)}
        )
        made = Dispatcher.__new__(Dispatcher)
        start: Any = made.__init__  # type: ignore[misc]  # as Serve does
        await start(telling, {"main": Holding()})
        hook = Webhook(f"http://127.0.0.1:{there.port}/")
        job = a_job(time.time(), deadline=time.time() - 1.0, webhook=hook)
        await stores.jobs.create(job)
        for _ in range(100):
            found = await stores.jobs.get(job.id)
            if found.delivery is not None:
                break
            await asyncio.sleep(0.05)
        tasks = list(made._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert found.delivery is not None
    assert (found.delivery.state, len(there.came)) == ("delivered", 1)
    assert b'"video.failed"' in there.came[0][1]
