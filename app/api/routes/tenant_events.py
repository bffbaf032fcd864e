"""What happens to all of a caller's videos as one stream of server-sent events, so that a page needs one connection."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from app.api.auth import Reader
from app.api.dependencies import Config, PublicUrl, Service
from app.api.event_feed import FeedEvent, caller_feed
from app.api.followers import Seat
from app.api.openapi import ERRORS
from app.api.routes.events import PING_S
from app.errors import KinorayError
from app.logs.context import facts, tenant_hash

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1", tags=["videos"], responses=ERRORS)
MOST_EVENTS = 20_000  # of one connection, which then has to be made anew: what lies unread on the way is bounded
RETRY_MS = 1000  # what a browser is to wait before it does


@router.get(
    "/events",
    summary="Follow all videos",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def tenant_events(
    request: Request,
    _: Seat,
    service: Service,
    settings: Config,
    base: PublicUrl,
    caller: Reader,
    last_event_id: Annotated[str | None, Header(description="Go on behind that event")] = None,
    after: Annotated[str | None, Query(description="The same, as a parameter")] = None,
    last: Annotated[str | None, Query(alias="last_event_id", description="The same, by the header's name")] = None,
) -> Response:
    """What happens to all of the caller's videos, whoever asked for them, over one connection that has no end.

    First comes `ready`. Then, of each video, a `snapshot` (the whole video) before the first of its events: `phase`,
    `step`, `queue`, `preview` and `end` (`status` completed, failed or deleted), each with its `video_id`. A video that
    is asked for elsewhere appears with its snapshot. Ids belong to this stream, and are not those of
    `/v1/videos/{video_id}/events`. That a storyboard has changed is told as `storyboard`, to keys with that scope.

    Without an id to go on from, snapshots of what is under way (of the newest 100 videos) come first, and then what
    happens from now on. Behind an id, what has happened since is told. About the newest 10,000 events of a day are
    kept: where that is not enough, `ready` says `"whole": false`, and it goes on as without an id; what has ended
    meanwhile is in `GET /v1/videos`. The stream is never over, so that it is never answered with 204; after 20,000
    events the server closes it, and a client that comes back with the last id misses nothing.
    """
    feed = caller_feed(service, settings, base, caller, last_event_id or after or last)
    if request.method == "HEAD":
        await feed.aclose()
        return Response(media_type="text/event-stream")
    return EventSourceResponse(_as_events(feed, caller.tenant), ping=PING_S)


async def _as_events(feed: AsyncGenerator[FeedEvent, None], tenant: str) -> AsyncIterator[ServerSentEvent]:
    told = 0
    try:
        async with aclosing(feed):
            async for each in feed:
                told += 1
                retry = RETRY_MS if each.kind == "ready" else None
                yield ServerSentEvent(orjson.dumps(each.data).decode(), event=each.kind, id=each.id, retry=retry)
                if told >= MOST_EVENTS and each.id is not None:
                    return
    except KinorayError as error:  # the stream just stops: who reconnects learns why
        log.info("Events of all of a tenant stopped: %s", error, extra=facts(tenant=tenant_hash(tenant)))
