"""A job's story as server-sent events, for whoever can read a stream of text."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Annotated

import anyio
import orjson
from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from app.api.auth import Reader
from app.api.dependencies import Config, PublicUrl, Service
from app.api.event_feed import FeedEvent, event_feed, event_id
from app.api.followers import Followers, Seat, followers_of
from app.api.openapi import ERRORS
from app.errors import KinorayError
from app.jobs.record import check_id

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=ERRORS)
PING_S = 10


@router.get(
    "/{video_id}/events",
    summary="Follow a video",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {}}}, 204: {"description": "All has been told, the end too."}},
)
async def events(
    video_id: str,
    request: Request,
    _: Seat,
    service: Service,
    settings: Config,
    base: PublicUrl,
    caller: Reader,
    last_event_id: Annotated[str | None, Header(description="Replay what came after that event")] = None,
    after: Annotated[str | None, Query(alias="last_event_id", description="The same, as a parameter")] = None,
) -> Response:
    """Events `snapshot` (the whole video), `phase`, `step`, `queue`, `preview`, `draft`, `refine` and `end`, the last.

    A `preview` comes every few steps where the request said `"preview": true`: its `image` is the unfinished video
    as a small picture, `data:image/webp;base64,…`. Where it said `"speculative": true` a `draft` comes
    once, from which on `content?variant=draft` plays, and `refine` says what of it is kept. Without an id to go on
    from, everything that has happened is told again; who has been told the end, and names it, is answered with 204, at
    which a browser stops asking.

    The same story is told over a WebSocket at `/v1/videos/{video_id}/ws`, in messages `{"event", "id", "data"}`; there
    `{"type": "cancel"}` stops the video, and a browser gives its key as the subprotocol `kinoray-key.<key>`.
    """
    last = event_id(last_event_id or after)
    if last is not None and await service.told_all(check_id(video_id), caller, last):
        return Response(status_code=204)
    async with followers_of(request).opening:
        feed = await event_feed(service, settings, base, video_id, caller, last)
    if request.method == "HEAD":
        await feed.aclose()
        return Response(media_type="text/event-stream")
    return EventSourceResponse(as_events(feed, video_id, followers_of(request)), ping=PING_S)


async def as_events(
    feed: AsyncGenerator[Sequence[FeedEvent], None], whose: str, followers: Followers, alike: bool = True
) -> AsyncIterator[bytes]:
    """Each batch as one piece of the body: a piece costs Serve and its proxy as much as all that is in it.

    `alike`: all streams of the same `whose` are told the same by the event of a kind and an id.
    """
    try:
        async with aclosing(feed):
            async for batch in feed:
                yield b"".join(
                    followers.piece((whose, each.kind, each.id), partial(_encoded, each))
                    if alike and each.id is not None
                    else _encoded(each)
                    for each in batch
                )
                await anyio.sleep(followers.pause_s if batch[-1].kind != "end" else 0.0)
    except KinorayError as error:  # the stream just stops: who reconnects learns why
        log.info("Events of %s stopped: %s", whose, error)


def _encoded(event: FeedEvent) -> bytes:
    return ServerSentEvent(orjson.dumps(event.data).decode(), event=event.kind, id=event.id).encode()
