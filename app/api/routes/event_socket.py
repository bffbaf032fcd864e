"""A job's event feed over a WebSocket to a client which may ask to cancel meanwhile, and may leave at any time."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, WebSocket
from starlette.responses import Response

from app.access.scopes import VIDEOS_READ, VIDEOS_WRITE
from app.api.dependencies import Config, Entry, PublicUrl, Service
from app.api.event_feed import event_feed
from app.api.problems import problem
from app.api.sockets import Followed, tell

router = APIRouter(prefix="/v1/videos")


@router.websocket("/{video_id}/ws")
async def follow(
    socket: WebSocket,
    video_id: str,
    service: Service,
    settings: Config,
    base: PublicUrl,
    access: Entry,
    after: Annotated[str | None, Query(alias="last_event_id")] = None,
) -> None:
    """Tell a video's story, as `tell` does."""
    what = Followed(
        reads=VIDEOS_READ,
        writes=VIDEOS_WRITE,
        feed=lambda who: event_feed(service, settings, base, video_id, who, after),
        cancel=lambda who: service.cancel(video_id, who),
    )
    await tell(socket, what, settings, access)


@router.get("/{video_id}/ws", include_in_schema=False)
async def upgrade_first() -> Response:
    """What a client is told that does not ask for a WebSocket."""
    return upgrade("/v1/videos/{id}/events")


def upgrade(instead: str) -> Response:
    """The answer to who does not ask for a WebSocket; `instead`: what can be followed without one."""
    message = f"This is a WebSocket; without one, follow {instead}."
    return problem(426, "upgrade_required", message, headers={"upgrade": "websocket", "connection": "upgrade"})
