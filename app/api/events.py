"""A job's events as server-sent events: the record as it is, then what happened, then what happens, until the end."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from app.api.answers import video
from app.api.auth import Who
from app.api.documented import ERRORS
from app.api.given import Config, Service
from app.errors import KinorayError
from app.jobs.record import check_id
from app.service import VideoService
from app.types import Caller

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=ERRORS)
PING_S = 10
_EVENT_ID = re.compile(r"[0-9]{1,20}(-[0-9]{1,20})?")


@router.get(
    "/{video_id}/events",
    summary="Follow a video",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def events(
    video_id: str,
    service: Service,
    settings: Config,
    caller: Who,
    last_event_id: Annotated[str | None, Header(description="Replay what came after that event")] = None,
    after: Annotated[str | None, Query(alias="last_event_id", description="The same, as a parameter")] = None,
) -> Response:
    """Events `snapshot` (the whole video), `phase`, `step`, `queue` and `end`, after which the stream is over.

    Without an id to go on from, everything that has happened is told again.
    """
    job = await service.get(check_id(video_id), caller)
    snapshot = video(job, await service.outlook(job), settings).model_dump_json()
    last = last_event_id or after or ""
    told = _told(service, job.id, caller, snapshot, last if _EVENT_ID.fullmatch(last) else None)
    return EventSourceResponse(told, ping=PING_S)


async def _told(
    service: VideoService, job_id: str, caller: Caller, snapshot: str, after: str | None
) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(snapshot, event="snapshot")
    try:
        async for event in service.follow(job_id, caller, after):
            yield ServerSentEvent(orjson.dumps({**event.data, "at": event.at}).decode(), event=event.kind, id=event.id)
    except KinorayError as error:  # the stream just stops: who reconnects learns why
        log.info("Events of %s stopped: %s", job_id, error)
