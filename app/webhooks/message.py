"""What a webhook says: an ended job comes in, the event's body and its signed headers go out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import orjson
from standardwebhooks import Webhook as Signer

from app.jobs.epoch import was_restored
from app.types import Job


def event_id(job_id: str, fence: int = 0) -> str:
    """The event's id, the same for every attempt: a job ends once.

    One that was under way in a backup that was restored ends again, perhaps in another way, which a receiver who knows
    the first end by its id is to hear.
    """
    name = f"evt_{job_id.partition('_')[2]}"
    return f"{name}_{fence}" if was_restored(fence) else name


def body(job: Job) -> bytes:
    """The event as OpenAI's webhooks have it; the receiver asks for the video by its id."""
    return orjson.dumps(
        {
            "id": event_id(job.id, job.fence),
            "object": "event",
            "type": f"video.{job.phase.value}",
            "created_at": int(job.completed_at or job.created_at),
            "data": {"id": job.id},
        }
    )


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
