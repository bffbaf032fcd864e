"""Storyboards that end are told of as jobs are, and each end of one that ends again: over real sockets."""

from __future__ import annotations

import time
from dataclasses import replace

import orjson
import pytest
from standardwebhooks import Webhook as Verifier

from app.types import Delivery, Webhook
from app.types.storyboard import Storyboard, StoryPhase
from app.types.words import STORY_EVENTS
from app.webhooks.policy import RETRY_S
from tests.jobs.storyboards.make import a_story
from tests.webhooks.receiver import receiver
from tests.webhooks.test_delivery import Stores, house, stores
from tests.webhooks.test_message import SECRET

__all__ = ["stores"]
pytestmark = pytest.mark.anyio


async def ended(
    stores: Stores, port: int, phase: StoryPhase = StoryPhase.COMPLETED, events: tuple[str, ...] = STORY_EVENTS
) -> Storyboard:
    hook = Webhook(f"http://127.0.0.1:{port}/hook", events)
    return await close(stores, await stores.storyboards.create(a_story(webhook=hook), None, 99), 10.5, phase)


async def close(stores: Stores, story: Storyboard, at: float, phase: StoryPhase = StoryPhase.COMPLETED) -> Storyboard:
    return await stores.storyboards.replace(replace(story, phase=phase, completed_at=at, expires_at=900.0))


@pytest.mark.parametrize("phase", [StoryPhase.COMPLETED, StoryPhase.FAILED])
async def test_an_end_is_told_once_signed(stores: Stores, phase: StoryPhase) -> None:
    async with receiver() as there:
        here, story = house(stores), await ended(stores, there.port, phase)
        here.now = time.time()  # which the verifier looks at
        assert (await here.turn(), await here.turn(), await stores.outbox.count()) == (1, 0, 0)
        ((headers, content),) = there.came
    told = Verifier(SECRET).verify(content, dict(headers))
    assert (told["type"], told["object"], told["created_at"]) == (f"storyboard.{phase}", "event", 10)
    assert (told["data"], told["id"]) == ({"id": story.id}, headers["webhook-id"])
    assert (await stores.storyboards.get(story.id)).delivery == Delivery("delivered", 1, None, here.now)
    assert (await stores.meter.read())["webhooks:delivered"] == 1


async def test_a_refusal_is_tried_again_later_under_the_same_id(stores: Stores) -> None:
    async with receiver() as there:
        there.answers = [b"500 Oh", b"204 Fine"]
        here, story = house(stores), await ended(stores, there.port)
        assert (await here.turn(), await here.turn()) == (1, 0)
        told = (await stores.storyboards.get(story.id)).delivery
        assert told == Delivery("waiting", 1, "http_500", 0.0, RETRY_S[0])
        here.now = RETRY_S[0]
        assert await here.turn() == 1
        assert len({headers["webhook-id"] for headers, _ in there.came}) == 1
    assert await stores.outbox.count() == 0


async def test_a_process_that_dies_loses_no_delivery(stores: Stores) -> None:
    async with receiver() as there:
        here, story = house(stores), await ended(stores, there.port)
        assert (await here.deliveries.due(0.0), await here.deliveries.due(5.0)) == ([story.id], [])
        here.now = 100.0
        assert (await here.turn(), len(there.came)) == (1, 1)


async def test_one_that_is_made_again_is_told_of_again(stores: Stores) -> None:
    async with receiver() as there:
        here, story = house(stores), await ended(stores, there.port, StoryPhase.FAILED)
        await here.turn()
        story = await stores.storyboards.get(story.id)
        again = await stores.storyboards.replace(replace(story, phase=StoryPhase.MAKING))
        await close(stores, again, 20.0)
        assert await here.turn() == 1
        assert [orjson.loads(content)["type"] for _, content in there.came] == ["storyboard.failed", STORY_EVENTS[0]]
        assert len({headers["webhook-id"] for headers, _ in there.came}) == 2


@pytest.mark.parametrize("meanwhile", ["taken up", "ended again", "deleted"])
async def test_an_end_that_is_no_more_says_nothing_of_the_next(stores: Stores, meanwhile: str) -> None:
    async with receiver() as there:
        here, story = house(stores), await ended(stores, there.port)

        async def change() -> None:
            if meanwhile == "deleted":
                await stores.storyboards.delete(story.id, "public")
            else:
                again = await stores.storyboards.replace(replace(story, phase=StoryPhase.MAKING))
                if meanwhile == "ended again":
                    await close(stores, again, 20.0)

        due = await here.deliveries.due(0.0)
        there.on_request = change
        await here.deliveries.deliver(due[0])
        there.on_request = None
        assert await stores.outbox.count() == (meanwhile == "ended again")
        assert len(there.came) == 1
        if meanwhile != "deleted":
            assert (await stores.storyboards.get(story.id)).delivery is None
            assert await here.turn() == (meanwhile == "ended again")


async def test_a_claimed_one_that_is_taken_up_or_deleted_before_it_is_told_is_not_told(stores: Stores) -> None:
    async with receiver() as there:
        here = house(stores)
        story, gone = await ended(stores, there.port), await ended(stores, there.port)
        due = await here.deliveries.due(0.0)
        await stores.storyboards.replace(replace(story, phase=StoryPhase.MAKING))
        await stores.storyboards.delete(gone.id, "public")
        for name in due:
            await here.deliveries.deliver(name)
        assert (there.came, await stores.outbox.count()) == ([], 0)


async def test_only_what_was_asked_for_is_told(stores: Stores) -> None:
    async with receiver() as there:
        await ended(stores, there.port, events=("storyboard.failed",))
        await ended(stores, there.port, events=("video.completed", "video.failed"))
        assert (await house(stores).turn(), there.came) == (0, [])


async def test_the_services_own_receiver_is_told(stores: Stores) -> None:
    async with receiver() as there:
        url = f"http://127.0.0.1:{there.port}/"
        story = await stores.storyboards.create(a_story(webhook=Webhook(None, STORY_EVENTS)), None, 9)
        await close(stores, story, 10.0)
        assert await house(stores, webhook_url=url).turn() == 1
        assert b'"storyboard.completed"' in there.came[0][1]


async def test_a_receiver_of_videos_and_films_that_wants_no_more_is_told_of_neither(stores: Stores) -> None:
    async with receiver() as there:
        there.answers = [b"410 Gone"]
        here = house(stores)
        stories = [await ended(stores, there.port)]
        await here.turn()
        stories.append(await ended(stores, there.port))
        await here.turn()
        told = [(await stores.storyboards.get(story.id)).delivery for story in stories]
        assert [each.state for each in told if each is not None] == ["disabled"] * 2
        assert (len(there.came), await stores.outbox.count()) == (1, 0)
