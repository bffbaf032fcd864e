"""The event feed of a job, or of all of a caller's, as every stream sends it: the record, then what happens."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from app.access.scopes import STORYBOARDS
from app.api.responses import video_object
from app.jobs.record import check_id
from app.service.tenant_events import STORYBOARD
from app.service.videos import VideoService
from app.settings import Settings
from app.types import Caller

_EVENT_ID = re.compile(r"[0-9]{1,20}(-[0-9]{1,20})?")


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event of a feed: `snapshot` (the whole video), `phase`, `step`, `queue`, `preview` or `end`; `ready` of all.

    A preview's data is `{"step", "total_steps", "width", "height", "image"}`, the image a data URL of a small WebP.
    """

    kind: str
    data: Mapping[str, object]
    id: str | None = None  # what a client names to go on behind it; a snapshot has none


async def event_feed(
    service: VideoService, settings: Settings, base: str, video_id: str, caller: Caller, after: str | None
) -> AsyncGenerator[Sequence[FeedEvent], None]:
    """The feed behind the event `after`; all of it when that is no event's id. Raises JobNotFound at once.

    What there is at once comes together, so that a reader who is behind catches up with fewer messages.

    `base` is the address before `/v1` under which the client reaches the service.
    """
    job, outlook = await service.looked_at(check_id(video_id), caller)
    after = event_id(after)
    snapshot = video_object(job, outlook, settings, base, time.time()).model_dump(mode="json")
    return _feed(service, job.id, caller, snapshot, after)


def event_id(given: str | None) -> str | None:
    """The id of an event that a client names; None for what cannot be one."""
    return given if given and _EVENT_ID.fullmatch(given) else None


async def _feed(
    service: VideoService, job_id: str, caller: Caller, snapshot: Mapping[str, object], after: str | None
) -> AsyncGenerator[Sequence[FeedEvent], None]:
    yield [FeedEvent("snapshot", snapshot)]
    async for events in service.follow_batches(job_id, caller, after):
        yield [FeedEvent(event.kind, {**event.data, "at": event.at}, event.id) for event in events]


async def singly(feed: AsyncGenerator[FeedEvent, None]) -> AsyncGenerator[Sequence[FeedEvent], None]:
    """Each event by itself, as those have it that are followed by few."""
    async with aclosing(feed):
        async for event in feed:
            yield [event]


async def caller_feed(
    service: VideoService, settings: Settings, base: str, caller: Caller, after: str | None
) -> AsyncGenerator[FeedEvent, None]:
    """The feed of all of a caller's jobs, without end; each event names its `video_id`. See `follow_tenant`.

    Storyboards that change are told as `storyboard`, by `storyboard_id`, to who may look at them.
    """
    async with aclosing(service.follow_all(caller, event_id(after))) as told:
        async for news in told:
            if news.kind == STORYBOARD:
                if STORYBOARDS in caller.scopes:
                    yield FeedEvent(news.kind, {"storyboard_id": news.job_id, **news.data, "at": news.at}, news.id)
            elif news.job is not None:
                outlook = await service.told_outlook(news.job)
                shown = video_object(news.job, outlook, settings, base, time.time())
                yield FeedEvent(news.kind, shown.model_dump(mode="json"), news.id)
            else:
                whose = {"video_id": news.job_id} if news.job_id else {}
                yield FeedEvent(news.kind, {**whose, **news.data, "at": news.at}, news.id)
