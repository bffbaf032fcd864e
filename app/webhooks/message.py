"""What a webhook says: an ended job or storyboard comes in, the event's body and its signed headers go out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import orjson
from standardwebhooks import Webhook as Signer

from app.jobs.epoch import was_restored
from app.types import Job
from app.types.storyboard import Storyboard


def event_id(job_id: str, fence: int = 0) -> str:
    """The event's id, the same for every attempt: a job ends once.

    One that was under way in a backup that was restored ends again, perhaps in another way, which a receiver who knows
    the first end by its id is to hear.
    """
    name = f"evt_{job_id.partition('_')[2]}"
    return f"{name}_{fence}" if was_restored(fence) else name


def body(job: Job) -> bytes:
    """The event as OpenAI's webhooks have it; the receiver asks for the video by its id."""
    at = job.completed_at or job.created_at
    return _event(event_id(job.id, job.fence), f"video.{job.phase.value}", at, job.id)


def story_event_id(story: Storyboard) -> str:
    """The event's id, the same for every attempt: one that is changed, or tried again, ends again, at another time."""
    at = story.completed_at or story.created_at
    return f"evt_{story.id.partition('_')[2]}_{round(1000 * at)}"


def story_body(story: Storyboard) -> bytes:
    """As `body`; the receiver asks for the storyboard by its id."""
    at = story.completed_at or story.created_at
    return _event(story_event_id(story), f"storyboard.{story.phase.value}", at, story.id)


def _event(name: str, kind: str, at: float, about: str) -> bytes:
    event = {"id": name, "object": "event", "type": kind, "created_at": int(at), "data": {"id": about}}
    return orjson.dumps(event)


def headers(message_id: str, content: bytes, secrets: Sequence[str], now: float) -> dict[str, str]:
    """Signed as in the Standard Webhooks specification 1.0.0, once with each secret: they can be changed in turn.

    `now` is the time of the attempt, Unix seconds: receivers refuse what is older than some minutes.
    """
    at = datetime.fromtimestamp(int(now), timezone.utc)
    signed = (Signer(secret).sign(message_id, at, content.decode()) for secret in secrets)
    return {
        "content-type": "application/json",
        "user-agent": "kinoray-webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": " ".join(signed),
    }
