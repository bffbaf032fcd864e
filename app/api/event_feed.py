"""The event feed of a job, as every stream sends it: the record, then what happened, then what happens, to the end."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from app.api.responses import video_object
from app.jobs.record import check_id
from app.service.videos import VideoService
from app.settings import Settings
from app.types import Caller

_EVENT_ID = re.compile(r"[0-9]{1,20}(-[0-9]{1,20})?")


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event of the feed: `snapshot` (the whole video), `phase`, `step`, `queue`, `preview` or `end`.

    A preview's data is `{"step", "total_steps", "width", "height", "image"}`, the image a data URL of a small WebP.
    """

    kind: str
    data: Mapping[str, object]
    id: str | None = None  # what a client names to go on behind it; a snapshot has none


async def event_feed(
    service: VideoService, settings: Settings, base: str, video_id: str, caller: Caller, after: str | None
) -> AsyncGenerator[FeedEvent, None]:
    """The feed behind the event `after`; all of it when that is no event's id. Raises JobNotFound at once.

    `base` is the address before `/v1` under which the client reaches the service.
    """
    job = await service.get(check_id(video_id), caller)
    after = event_id(after)
    snapshot = video_object(job, await service.outlook(job), settings, base, time.time()).model_dump(mode="json")
    return _feed(service, job.id, caller, snapshot, after)


def event_id(given: str | None) -> str | None:
    """The id of an event that a client names; None for what cannot be one."""
    return given if given and _EVENT_ID.fullmatch(given) else None


async def _feed(
    service: VideoService, job_id: str, caller: Caller, snapshot: Mapping[str, object], after: str | None
) -> AsyncGenerator[FeedEvent, None]:
    yield FeedEvent("snapshot", snapshot)
    async for event in service.follow(job_id, caller, after):
        yield FeedEvent(event.kind, {**event.data, "at": event.at}, event.id)
