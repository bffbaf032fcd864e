"""What the Dispatcher does to a line in a real Redis, with replicas that hold every job they get."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest
from pydantic import SecretStr

from app.dispatch.dispatcher import IDLE_PASS_S, PASS_S
from app.jobs.board import PLACES
from app.jobs.redis.jobs import RedisJobs
from app.line.queue_places import places_from_note
from app.redis.connection import Client
from app.settings import Settings
from app.stores import Stores
from app.types import Webhook
from app.webhooks.delivery import WebhookDeliveries
from app.webhooks.send import Sender
from tests.dispatch.over_redis import Dispatch, begin, dispatch, stores
from tests.dispatch.workers import PlayedWorkers, a_replica, code_of, told
from tests.jobs.make import a_job
from tests.webhooks.receiver import receiver
from tests.webhooks.test_message import SECRET

__all__ = ["dispatch", "stores"]
pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(redis_url: str, prefix: str) -> Settings:
    return Settings(redis_url=redis_url, redis_prefix=prefix, slots=1)


async def test_a_waiting_job_ends_when_its_deadline_has_passed(stores: Stores, dispatch: Dispatch) -> None:
    workers, now = await dispatch(), time.time()
    await stores.jobs.create(a_job(now))
    await workers.next()
    late = a_job(now, deadline=now - 1.0)
    await stores.jobs.create(late)
    end = await told(stores, late, "end")
    assert (end.data["status"], code_of(end)) == ("failed", "timeout")
    ended = await stores.jobs.get(late.id)
    assert ended.failure is not None
    assert (ended.failure.code, ended.attempts) == ("timeout", 0)
    assert "deadline passed while it waited" in ended.failure.message
    assert await stores.jobs.position(late.id) is None


async def test_a_higher_class_starts_in_a_full_pool_and_the_others_are_told_their_places(
    stores: Stores, dispatch: Dispatch
) -> None:
    workers, now = await dispatch(), time.time()
    holding, second, low, high = (
        a_job(now + place, priority=priority) for place, priority in enumerate(("normal", "normal", "low", "high"))
    )
    await stores.jobs.create(holding)
    assert (await workers.next()).job_id == holding.id
    for job in (low, second, high):
        await stores.jobs.create(job)
    assert (await workers.next()).job_id == high.id
    event = await told(stores, low, "queue")
    while event.data["position"] != 1:
        event = await told(stores, low, "queue", event.id)
    places = places_from_note(await stores.board.get(PLACES)).jobs
    assert {job_id: place.position for job_id, place in places.items()} == {second.id: 0, low.id: 1}


class Telling(WebhookDeliveries):
    """Says when a receiver has been told and the record says so."""

    over: asyncio.Event

    async def deliver(self, job_id: str) -> None:
        await super().deliver(job_id)
        self.over.set()


async def test_the_end_of_a_job_is_told_by_the_dispatcher(settings: Settings, stores: Stores) -> None:
    async with receiver() as there:
        telling = settings.model_copy(
            update={"webhook_allow_private": True, "webhook_allow_http": True, "webhook_secret": SecretStr(SECRET)}
        )
        deliveries = Telling(stores, telling, Sender(True, 5.0), stores.clock)
        deliveries.over = asyncio.Event()
        made = begin(telling, stores, PlayedWorkers(stores), deliveries)
        hook = Webhook(f"http://127.0.0.1:{there.port}/")
        job = a_job(time.time(), deadline=time.time() - 1.0, webhook=hook)
        await stores.jobs.create(job)
        await asyncio.wait_for(deliveries.over.wait(), 10.0)
        await made.close()
    found = await stores.jobs.get(job.id)
    assert found.delivery is not None
    assert (found.delivery.state, len(there.came)) == ("delivered", 1)
    assert b'"video.failed"' in there.came[0][1]
    assert (await stores.meter.read())["jobs_ended:timeout"] == 1


class Waits(RedisJobs):
    """Keeps how long the dispatcher was to wait for news after each pass."""

    pauses: asyncio.Queue[float]

    async def wait_for_work(self, timeout_s: float, name: str = "", others: Sequence[str] = ()) -> bool:
        self.pauses.put_nowait(timeout_s)
        return await super().wait_for_work(timeout_s)


async def test_an_idle_line_is_looked_at_less_often_and_a_new_job_starts_at_once(
    settings: Settings, stores: Stores, redis: Client, prefix: str
) -> None:
    jobs = Waits(redis, prefix)
    jobs.pauses = asyncio.Queue()
    await jobs.announce(a_replica(slots=1), 60.0)
    workers = PlayedWorkers(stores)
    sender = WebhookDeliveries(stores, settings, Sender(False, 5.0), stores.clock)
    made = begin(settings, replace(stores, jobs=jobs), workers, sender)
    assert await asyncio.wait_for(jobs.pauses.get(), 10.0) == IDLE_PASS_S
    began = time.monotonic()
    await jobs.create(a_job(time.time()))
    await workers.next()
    assert time.monotonic() - began < IDLE_PASS_S
    while await asyncio.wait_for(jobs.pauses.get(), 10.0) != PASS_S:
        pass
    await made.close()
