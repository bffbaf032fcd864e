"""What is changed of a video that there is, and the tags that its tenant keeps videos by."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from app.api.auth import Reader, Writer
from app.api.dependencies import Config, PublicUrl, Service
from app.api.openapi import ERRORS, Examples, form_or_json
from app.api.requests.body import body_fields
from app.api.requests.change_fields import ChangeVideo, change_of
from app.api.responses import Video, job_headers
from app.api.video_answers import video_of
from app.jobs.record import check_id

router = APIRouter(prefix="/v1", tags=["videos"], responses=ERRORS)


class Tag(BaseModel):
    """A tag that videos of yours have."""

    tag: str = Field(description="As it was given, composed and with single spaces")
    videos: int = Field(description="How many of yours have it")


class TagList(BaseModel):
    """All of your tags, by the alphabet."""

    object: Literal["list"] = "list"
    data: list[Tag]


_CHANGE: Examples = {
    "urgent": {"summary": "More urgent", "value": {"priority": "high"}},
    "favourite": {"summary": "One of your favourites", "value": {"favourite": True}},
    "tags": {"summary": "In two folders", "value": {"tags": ["launch", "to show"]}},
}


@router.patch("/videos/{video_id}", summary="Change a video", openapi_extra=form_or_json(ChangeVideo, _CHANGE))
async def change(
    video_id: str,
    request: Request,
    response: Response,
    service: Service,
    settings: Config,
    base: PublicUrl,
    caller: Writer,
) -> Video:
    """What is left out stays as it is, and the same again changes nothing.

    The priority is that of a video that waits or is being made; of one that has ended it is 409 `video_ended`. With the
    scope `operate`, any tenant's. Marks are of your own videos, and keep them no longer than others are kept.
    """
    checked, asked = check_id(video_id), change_of(await body_fields(request))
    job = None if asked.priority is None else await service.reprioritise(checked, asked.priority, caller)
    if asked.favourite is not None or asked.tags is not None or job is None:
        job = await service.mark(checked, caller, asked.favourite, asked.tags)
    response.headers.update(job_headers(job, settings))
    return await video_of(job, service, settings, base)


@router.get("/tags", summary="List your tags")
async def tags(service: Service, caller: Reader) -> TagList:
    """What `GET /v1/videos?tag=` may be asked for, with the number of videos of each."""
    found = await service.ports.jobs.tags(caller.tenant)
    named = sorted(found, key=lambda tag: (tag.casefold(), tag))
    return TagList(data=[Tag(tag=tag, videos=found[tag]) for tag in named])
