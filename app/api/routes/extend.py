"""Extensions as a resource: a completed video comes in by its id, a job that makes it longer goes out."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.auth import Writer
from app.api.dependencies import Config, PublicUrl, Service
from app.api.openapi import ERRORS, Examples, form_or_json
from app.api.requests.body import body_fields
from app.api.requests.extension import ExtendReferenced, ExtendVideo, extension_request, referenced
from app.api.requests.fields import ALIASES, VIDEO, Fields
from app.api.requests.idempotency import KeyHeader
from app.api.responses import Video
from app.api.video_answers import accepted_video
from app.jobs.record import check_id
from app.service.extend import extend, made_here
from app.service.videos import VideoService
from app.settings import Settings
from app.types import Caller

router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=ERRORS)

_NEXT = {"prompt": "the ball bounces away", "seconds": "2"}
_EXTEND: Examples = {"extend": {"summary": "What happens next", "value": _NEXT}}
_BY_ID: Examples = {
    "extend": {"summary": "As OpenAI's package sends it", "value": {**_NEXT, "video": {"id": "video_0123456789abcdef"}}}
}


@router.post(
    "/extensions",
    summary="Make a video longer, by its id",
    response_model=Video,
    openapi_extra=form_or_json(ExtendReferenced, _BY_ID, ALIASES, VIDEO),
)
async def extend_referenced(
    request: Request,
    service: Service,
    settings: Config,
    base: PublicUrl,
    caller: Writer,
    key: KeyHeader,
) -> Response:
    """The same as `POST /v1/videos/{video_id}/extend`, as OpenAI's `videos.extend` asks for it."""
    video, fields = referenced(await body_fields(request))
    source = video if isinstance(video, str) else await made_here(service, video, caller)
    return await _extended(source, fields, request, service, settings, base, caller, key)


@router.post(
    "/{video_id}/extend",
    summary="Make a video longer",
    response_model=Video,
    openapi_extra=form_or_json(ExtendVideo, _EXTEND, ALIASES),
)
async def extend_video(
    video_id: str,
    request: Request,
    service: Service,
    settings: Config,
    base: PublicUrl,
    caller: Writer,
    key: KeyHeader,
) -> Response:
    """A new video: all frames of the completed one, then a clip that goes on from its last frame.

    For models that take a picture to begin with; others answer 501 and say what can be used. `seconds` is the playing
    time of what is new, at the source's size and rate.
    """
    return await _extended(video_id, await body_fields(request), request, service, settings, base, caller, key)


async def _extended(
    source: str,
    fields: Fields,
    request: Request,
    service: VideoService,
    settings: Settings,
    base: str,
    caller: Caller,
    key: str | None,
) -> Response:
    asked = extension_request(fields, settings.max_prompt_chars)
    accepting = extend(service, check_id(source), asked, caller, key)
    return await accepted_video(request, accepting, service, settings, base)
