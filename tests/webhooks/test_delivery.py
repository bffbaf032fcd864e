"""Jobs that end are told of, whatever dies or stands still: in memory and with a real Redis, over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from app.jobs.board import Board, MemoryBoard
from app.jobs.memory import MemoryJobs
from app.jobs.outbox import MemoryOutbox, Outbox
from app.jobs.redis.board import RedisBoard
from app.jobs.redis.jobs import RedisJobs
from app.jobs.redis.outbox import RedisOutbox
from app.jobs.store import JobStore
from app.jobs.storyboards.memory import MemoryStoryboards
from app.jobs.storyboards.redis_storyboards import RedisStoryboards
from app.jobs.storyboards.store import StoryboardStore
from app.redis.connection import Client
from app.settings import Settings
from app.telemetry import MemoryMeter
from app.types import Delivery, Failure, Job, Phase, Webhook
from app.webhooks.delivery import AT_ONE_RECEIVER, WebhookDeliveries
from app.webhooks.policy import RETRY_S
from app.webhooks.send import Sender
from tests.jobs.make import a_job
from tests.redis_server import MEMORY_AND_REDIS
from tests.tracing.kept import ids, kept
from tests.waiting import until
from tests.webhooks.receiver import receiver
from tests.webhooks.test_message import SECRET

pytestmark = pytest.mark.anyio
FAILURE = Failure("cancelled", "It was cancelled.")


@dataclass
class Stores:
    jobs: JobStore
    outbox: Outbox
    board: Board
    meter: MemoryMeter
    storyboards: StoryboardStore


@pytest.fixture(params=MEMORY_AND_REDIS)
async def stores(request: pytest.FixtureRequest, redis: Client, prefix: str) -> AsyncIterator[Stores]:
    if request.param == "redis":
        jobs, outbox, board = RedisJobs(redis, prefix), RedisOutbox(redis, prefix), RedisBoard(redis, prefix)
        yield Stores(jobs, outbox, board, MemoryMeter(), RedisStoryboards(redis, prefix))
    else:
        memory = MemoryJobs()
        stories = MemoryStoryboards(memory.outbox)
        yield Stores(memory, MemoryOutbox(memory), MemoryBoard(), MemoryMeter(), stories)


@dataclass
class House:
    """WebhookDeliveries whose clock the test turns."""

    stores: Stores
    settings: Settings
    now: float = 0.0

    def __post_init__(self) -> None:
        self.deliveries = WebhookDeliveries(self.stores, self.settings, self.sender(), lambda: self.now, lambda: 0.5)

    def sender(self) -> Sender:
        return Sender(self.settings.webhook_allow_private, self.settings.webhook_timeout_s)

    async def turn(self) -> int:
        """One pass; how many jobs were due."""
        due = await self.deliveries.due(self.now)
        await asyncio.gather(*map(self.deliveries.deliver, due))
        return len(due)


def house(stores: Stores, **settings: Any) -> House:
    common: dict[str, Any] = {"webhook_allow_http": True, "webhook_allow_private": True, "webhook_secret": SECRET}
    return House(stores, Settings(**common | settings))


async def ended(stores: Stores, port: int, **changed: Any) -> Job:
    hook = Webhook(f"http://127.0.0.1:{port}/hook")
    job = a_job(**{"webhook": hook, **changed})
    await stores.jobs.create(job)
    return await stores.jobs.cancel(job.id, None, FAILURE, 10.0)


async def test_an_end_is_told_once_signed(stores: Stores) -> None:
    async with receiver() as there:
        here, job = house(stores), await ended(stores, there.port)
        here.now = time.time()  # which the verifier looks at
        assert (await here.turn(), await here.turn(), await stores.outbox.count()) == (1, 0, 0)
        ((headers, content),) = there.came
    assert Verifier(SECRET).verify(content, dict(headers))["data"] == {"id": job.id}
    told = (await stores.jobs.get(job.id)).delivery
    assert told == Delivery("delivered", 1, None, here.now)
    assert (await stores.meter.read())["webhooks:delivered"] == 1


async def test_a_receiver_hears_of_the_jobs_trace(stores: Stores) -> None:
    trace = f"00-{'4' * 32}-{'7' * 16}-01"
    async with receiver() as there:
        here = house(stores)
        await ended(stores, there.port, trace=trace)
        await here.turn()
        with kept() as traced:
            await ended(stores, there.port, trace=trace)
            await here.turn()
            [span] = traced.spans()["webhook"]
        passed_on, below = (headers["traceparent"] for headers, _ in there.came)
    assert passed_on == trace
    assert ids(span) == ("4" * 32, below.split("-")[2], "7" * 16)


async def test_a_refusal_is_tried_again_later_under_the_same_id(stores: Stores) -> None:
    async with receiver() as there:
        there.answers = [b"500 Oh", b"503 No", b"204 Fine"]
        here, job = house(stores), await ended(stores, there.port)
        assert (await here.turn(), await here.turn()) == (1, 0)
        told = (await stores.jobs.get(job.id)).delivery
        assert told == Delivery("waiting", 1, "http_500", 0.0, RETRY_S[0])
        for wait_s in RETRY_S[:2]:
            here.now += wait_s
            assert await here.turn() == 1
        assert len({headers["webhook-id"] for headers, _ in there.came}) == 1
        assert len({headers["webhook-signature"] for headers, _ in there.came}) == 3
    told = (await stores.jobs.get(job.id)).delivery
    assert told is not None
    assert (told.state, told.attempts) == ("delivered", 3)


async def test_a_process_that_dies_loses_no_delivery(stores: Stores) -> None:
    async with receiver() as there:
        here, job = house(stores), await ended(stores, there.port)
        assert await here.deliveries.due(0.0) == [job.id]  # and is seen no more
        assert await here.deliveries.due(5.0) == []
        here.now = 100.0
        assert (await here.turn(), len(there.came)) == (1, 1)


async def test_410_ends_it_for_all_jobs_of_that_receiver(stores: Stores) -> None:
    async with receiver() as there:
        there.answers = [b"410 Gone"]
        here = house(stores)
        jobs = [await ended(stores, there.port)]
        await here.turn()
        jobs.append(await ended(stores, there.port))
        await here.turn()
        assert len(there.came) == 1
        assert [(await stores.jobs.get(job.id)).delivery.state for job in jobs] == ["disabled"] * 2  # type: ignore[union-attr]
        assert await stores.outbox.count() == 0


async def test_a_slow_receiver_does_not_hold_up_another(stores: Stores) -> None:
    async with receiver() as slow, receiver() as quick:
        slow.may_answer.clear()
        here = house(stores, webhook_timeout_s=5)
        for _ in range(12):
            await ended(stores, slow.port)
        mine = await ended(stores, quick.port)
        turn = asyncio.ensure_future(here.turn())

        async def delivered() -> bool:
            return (await stores.jobs.get(mine.id)).delivery is not None

        await until(delivered, 5.0)
        assert not turn.done()
        assert len(quick.came) == 1

        async def all_at_the_slow_one() -> bool:
            return slow.most_at_once == AT_ONE_RECEIVER

        await until(all_at_the_slow_one, 5.0)
        slow.may_answer.set()
        await turn
        assert (slow.most_at_once, len(slow.came)) == (AT_ONE_RECEIVER, AT_ONE_RECEIVER)
        assert await stores.outbox.count() == 12 - AT_ONE_RECEIVER


async def test_only_what_was_asked_for_is_told_and_a_deleted_job_is_not(stores: Stores) -> None:
    async with receiver() as there:
        hook = Webhook(f"http://127.0.0.1:{there.port}/", ("video.completed",))
        await ended(stores, there.port, webhook=hook)
        await ended(stores, there.port, webhook=None)
        gone = await ended(stores, there.port)
        await stores.jobs.delete(gone.id, gone.tenant)
        assert (await stores.outbox.count(), await house(stores).turn(), there.came) == (0, 0, [])


async def test_a_job_recorded_as_completed_is_told(stores: Stores) -> None:
    async with receiver() as there:
        url = f"http://127.0.0.1:{there.port}/"
        await stores.jobs.create(a_job(phase=Phase.COMPLETED, completed_at=5.0, expires_at=90.0, webhook=Webhook(None)))
        assert await house(stores, webhook_url=url).turn() == 1
        assert b'"video.completed"' in there.came[0][1]


async def test_private_addresses_are_not_told_whatever_a_record_says(stores: Stores) -> None:
    async with receiver() as there:
        job = await ended(stores, there.port)
        here = house(stores, webhook_allow_private=False)
        await here.turn()
        told = (await stores.jobs.get(job.id)).delivery
        assert told is not None
        assert (told.state, told.error, there.came) == ("failed", "forbidden_webhook_address", [])
