"""What happens to a storyboard, as server-sent events and over a WebSocket: the whole as a tree, then its changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Query, WebSocket
from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response

from app.access.scopes import STORYBOARDS
from app.api.auth import Storyteller
from app.api.dependencies import Boards, Config, Entry, PublicUrl
from app.api.event_feed import FeedEvent, event_id, singly
from app.api.followers import Seat, followers_of
from app.api.openapi import ERRORS
from app.api.routes.event_socket import upgrade
from app.api.routes.events import PING_S, as_events
from app.api.sockets import Followed, tell
from app.api.storyboard_events import story_feed
from app.jobs.storyboards.store import check_story_id
from app.types import Caller

router = APIRouter(prefix="/v1/storyboards", tags=["storyboards"], responses=ERRORS)


@router.get(
    "/{story_id}/events",
    summary="Follow a storyboard",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {}}}, 204: {"description": "All has been told, the end too."}},
)
async def events(
    story_id: str,
    request: Request,
    _: Seat,
    boards: Boards,
    settings: Config,
    base: PublicUrl,
    caller: Storyteller,
    last_event_id: Annotated[str | None, Header(description="Replay what came after that event")] = None,
    after: Annotated[str | None, Query(alias="last_event_id", description="The same, as a parameter")] = None,
) -> Response:
    """Events `snapshot` (the whole storyboard), `scene` (one of its scenes), `story` and `end`, then it is over.

    Behind an id, what came after that event is told; where some of that is lost, a snapshot comes first. Who has been
    told the end, and names it, is answered with 204, until the storyboard is changed and taken up again.

    The same is told over a WebSocket at `/v1/storyboards/{story_id}/ws`, in messages `{"event", "id", "data"}`; there
    `{"type": "cancel"}` stops it, and a browser gives its key as the subprotocol `kinoray-key.<key>`.
    """
    story, last = check_story_id(story_id), event_id(last_event_id or after)
    if last is not None and await boards.told_all(story, caller, last):
        return Response(status_code=204)
    async with followers_of(request).opening:
        feed = await story_feed(boards, settings, base, story, caller, last)
    if request.method == "HEAD":
        await feed.aclose()
        return Response(media_type="text/event-stream")
    return EventSourceResponse(as_events(singly(feed), story, followers_of(request), alike=False), ping=PING_S)


@router.websocket("/{story_id}/ws")
async def follow(
    socket: WebSocket,
    story_id: str,
    boards: Boards,
    settings: Config,
    base: PublicUrl,
    access: Entry,
    after: Annotated[str | None, Query(alias="last_event_id")] = None,
) -> None:
    """Tell what happens to a storyboard, as `tell` does."""

    async def feed(who: Caller) -> AsyncGenerator[Sequence[FeedEvent], None]:
        return singly(await story_feed(boards, settings, base, check_story_id(story_id), who, after))

    what = Followed(
        reads=STORYBOARDS,
        writes=STORYBOARDS,
        feed=feed,
        cancel=lambda who: boards.cancel(check_story_id(story_id), who),
    )
    await tell(socket, what, settings, access)


@router.get("/{story_id}/ws", include_in_schema=False)
async def upgrade_first() -> Response:
    """What a client is told that does not ask for a WebSocket."""
    return upgrade("/v1/storyboards/{id}/events")
