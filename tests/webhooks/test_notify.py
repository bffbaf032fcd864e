"""Notifications reach a real receiver, signed, once per cause and cool-down and when it is over, whatever fails."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from app.health.receivers import receivers_of
from app.health.recoveries import Cause, MemoryRecoveries, Recoveries, Recovery, Signal
from app.health.redis_recoveries import RedisRecoveries
from app.jobs.board import Board, MemoryBoard
from app.jobs.memory import MemoryJobs
from app.jobs.outbox import MemoryOutbox, Outbox
from app.jobs.redis.board import RedisBoard
from app.jobs.redis.jobs import RedisJobs
from app.jobs.redis.outbox import RedisOutbox
from app.jobs.store import JobStore
from app.jobs.storyboards.memory import MemoryStoryboards
from app.jobs.storyboards.store import StoryboardStore
from app.redis.connection import Client
from app.settings import Settings
from app.settings.notify import is_slack
from app.telemetry import MemoryMeter
from app.webhooks.delivery import WebhookDeliveries
from app.webhooks.notices import slack_body
from app.webhooks.policy import JITTER, RETRY_S
from app.webhooks.send import Sender
from tests.redis_server import MEMORY_AND_REDIS
from tests.webhooks.receiver import Receiver, receiver
from tests.webhooks.test_message import SECRET

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000.0
OPEN: dict[str, Any] = {"webhook_allow_http": True, "webhook_allow_private": True, "webhook_secret": SECRET}


@dataclass
class Stores:
    jobs: JobStore
    outbox: Outbox
    board: Board
    recoveries: Recoveries
    meter: MemoryMeter = field(default_factory=MemoryMeter)
    storyboards: StoryboardStore = field(default_factory=MemoryStoryboards)


@dataclass
class Place:
    """A service whose Dispatcher's clock the test turns, and who is told."""

    receiver: Receiver
    stores: Stores
    deliveries: WebhookDeliveries
    now: float = NOW

    async def turn(self) -> int:
        """One pass; how much was due."""
        due = await self.deliveries.due(self.now)
        await asyncio.gather(*map(self.deliveries.deliver, due))
        return len(due)

    async def see(self, change: Any, cause: Cause = Cause.REPLICA_LOST) -> None:
        await self.stores.recoveries.record(Signal(cause, "main", change, "r1 is gone", self.now))

    def heard(self) -> list[str]:
        return [json.loads(content)["type"] for _, content in self.receiver.came]


@pytest.fixture(params=MEMORY_AND_REDIS)
async def place(request: pytest.FixtureRequest, redis: Client, prefix: str) -> AsyncIterator[Place]:
    async with receiver() as told:
        settings = Settings(notify_urls=[f"http://127.0.0.1:{told.port}/hook"], **OPEN)
        names = tuple(receivers_of(settings))
        if request.param == "redis":
            jobs, board = RedisJobs(redis, prefix), RedisBoard(redis, prefix)
            stores = Stores(jobs, RedisOutbox(redis, prefix), board, RedisRecoveries(redis, prefix, names))
        else:
            memory, notes = MemoryJobs(), MemoryBoard(lambda: NOW)
            outbox = MemoryOutbox(memory)
            stores = Stores(memory, outbox, notes, MemoryRecoveries(notes, outbox, names))
        sender = Sender(settings.webhook_allow_private, 5.0)
        made = Place(told, stores, WebhookDeliveries(stores, settings, sender, lambda: made.now, lambda: 0.5))
        yield made


async def test_a_receiver_hears_once_per_cause_and_cool_down_and_when_it_is_over(place: Place) -> None:
    for change in ("began", "began", "ended", "began"):
        await place.see(change)
        await place.turn()
    assert place.heard() == ["service.recovery.began", "service.recovery.ended"]
    place.now += 601.0
    await place.see("began")
    await place.turn()
    assert place.heard()[2:] == ["service.recovery.began"]
    assert (await place.stores.outbox.count(), await place.turn()) == (0, 0)


async def test_what_it_hears_is_signed_and_says_what_was_done(place: Place) -> None:
    place.now = time.time()
    await place.see("happened", Cause.FAILOVER_FOLLOWED)
    await place.turn()
    [(headers, content)] = place.receiver.came
    event = json.loads(content)
    assert (event["object"], event["data"]["cause"], event["data"]["subject"]) == ("event", "failover_followed", "main")
    assert event["data"]["done"] == "All connections were moved to it."
    assert (event["id"], headers["content-type"]) == (headers["webhook-id"], "application/json")
    assert Verifier(SECRET).verify(content, dict(headers)) == event


async def test_one_that_fails_is_tried_again_and_hears_the_same_event(place: Place) -> None:
    place.receiver.answers = [b"500 Internal Server Error", b"200 OK"]
    await place.see("happened")
    await place.turn()
    assert await place.turn() == 0, "not before its time"
    place.now += RETRY_S[0] * (1 + JITTER)
    await place.turn()
    (first, body), (second, again) = place.receiver.came
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    assert await place.stores.outbox.count() == 0


async def test_one_that_wants_no_more_is_not_tried_again(place: Place) -> None:
    place.receiver.answers = [b"410 Gone"]
    await place.see("happened")
    await place.turn()
    assert await place.stores.outbox.count() == 0


async def test_a_receiver_that_the_settings_no_longer_name_is_told_nothing(place: Place) -> None:
    await place.see("happened")
    changed = Settings(**OPEN)
    sender = Sender(True, 5.0)
    other = WebhookDeliveries(place.stores, changed, sender, lambda: place.now, lambda: 0.5)
    for name in await other.due(place.now):
        await other.deliver(name)
    assert (place.receiver.came, await place.stores.outbox.count()) == ([], 0)


async def test_a_private_address_is_not_told_unless_that_is_allowed() -> None:
    async with receiver() as told:
        settings = Settings(notify_urls=[f"http://127.0.0.1:{told.port}/"], **{**OPEN, "webhook_allow_private": False})
        board, outbox = MemoryBoard(lambda: NOW), MemoryOutbox(MemoryJobs())
        stores = Stores(MemoryJobs(), outbox, board, MemoryRecoveries(board, outbox, tuple(receivers_of(settings))))
        made = WebhookDeliveries(stores, settings, Sender(False, 5.0), lambda: NOW, lambda: 0.5)
        await stores.recoveries.record(Signal(Cause.RESTORED, "records", "happened", "", NOW))
        for name in await made.due(NOW):
            await made.deliver(name)
        assert (told.came, await outbox.count()) == ([], 1)


async def test_slack_hears_a_line_of_text_that_nobody_signs_and_nothing_in_it_is_markup() -> None:
    async with receiver() as told:
        settings = Settings(
            notify_urls=[f"http://127.0.0.1:{told.port}/T0/B0/secret"],
            notify_format="slack",
            webhook_allow_http=True,
            webhook_allow_private=True,
        )
        board, outbox = MemoryBoard(lambda: NOW), MemoryOutbox(MemoryJobs())
        stores = Stores(MemoryJobs(), outbox, board, MemoryRecoveries(board, outbox, tuple(receivers_of(settings))))
        made = WebhookDeliveries(stores, settings, Sender(True, 5.0), lambda: NOW, lambda: 0.5)
        await stores.recoveries.record(Signal(Cause.REPLICA_LOST, "<!channel>", "began", "r1 & r2", NOW))
        for name in await made.due(NOW):
            assert "secret" not in name
            await made.deliver(name)
    [(headers, content)] = told.came
    assert json.loads(content) == {
        "text": "*Kinoray: Under way: replica_lost (&lt;!channel&gt;)*\nA replica was gone without having left. "
        "Its jobs go back to the line; Serve starts another. r1 &amp; r2"
    }
    assert "webhook-signature" not in headers


@pytest.mark.parametrize(
    ("url", "slack"),
    [
        ("https://hooks.slack.com/services/T/B/x", True),
        ("https://discord.com/api/webhooks/1/x/slack", True),
        ("https://hooks.slack.com.evil.example/services", False),
        ("https://example.org/hook", False),
    ],
)
def test_who_takes_text_is_known_by_the_address_or_said(url: str, slack: bool) -> None:
    assert is_slack(url, "auto") is slack
    assert (is_slack(url, "slack"), is_slack(url, "event")) == (True, False)


def test_an_event_of_another_version_is_told_as_it_is() -> None:
    text = json.loads(slack_body(Recovery("1", "a_newer_cause", "main", "happened", "It did.", NOW, 3)))["text"]
    assert text == "*Kinoray: Mended: a_newer_cause (main)*\n  It did. (3 times since it was told before)"
