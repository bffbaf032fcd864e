"""What is sent passes the checks of those who will read it."""

from __future__ import annotations

import time
from dataclasses import replace

import orjson
import pytest
from openai import AsyncOpenAI, InvalidWebhookSignatureError
from standardwebhooks import Webhook, WebhookVerificationError

from app.types import Delivery, Phase
from app.types.storyboard import StoryPhase
from app.webhooks.message import body, event_id, headers, story_body, story_event_id
from tests.jobs.make import a_job
from tests.jobs.storyboards.make import a_story

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
OTHER = "whsec_OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2"
JOB = a_job(100.0, phase=Phase.COMPLETED, completed_at=123.9)


def test_the_standard_library_accepts_it_with_each_secret() -> None:
    content = body(JOB)
    sent = headers(event_id(JOB.id), content, (SECRET, OTHER), time.time())
    event = {"id": event_id(JOB.id), "object": "event", "type": "video.completed"}
    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(content, sent) == event | {"created_at": 123, "data": {"id": JOB.id}}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(content + b" ", sent)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(content, headers(event_id(JOB.id), content, (SECRET,), time.time() - 3600))


def test_the_openai_package_unwraps_it() -> None:
    content = body(JOB)
    sent = headers(event_id(JOB.id), content, (SECRET,), time.time())
    client = AsyncOpenAI(api_key="any", webhook_secret=SECRET)
    event = client.webhooks.unwrap(content, sent)
    told = event.to_dict()  # this package's own types of events need not have videos among them
    assert (told["type"], told["data"]) == ("video.completed", {"id": JOB.id})
    with pytest.raises(InvalidWebhookSignatureError):
        client.webhooks.unwrap(content, sent, secret=OTHER)


def test_a_jobs_event_has_one_id() -> None:
    assert event_id("video_0123abcd") == "evt_0123abcd"


def test_each_end_of_a_storyboard_has_one_id_and_another_end_has_another() -> None:
    ended = replace(a_story(100.0), phase=StoryPhase.FAILED, completed_at=123.9)
    told = orjson.loads(story_body(ended))
    assert told == {
        "id": f"evt_{ended.id.removeprefix('story_')}_123900",
        "object": "event",
        "type": "storyboard.failed",
        "created_at": 123,
        "data": {"id": ended.id},
    }
    assert story_event_id(replace(ended, version=9, delivery=Delivery("waiting", 3))) == told["id"]
    assert story_event_id(replace(ended, completed_at=124.0)) != told["id"]
