"""Videos as a resource: a request becomes a job, jobs are listed, looked at, cancelled, remixed and deleted."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.auth import Reader, Writer
from app.api.create_route import CreateRoute
from app.api.dependencies import Config, PublicUrl, Service
from app.api.look_route import LookRoute
from app.api.looks import LONGEST_WAIT_S, look
from app.api.openapi import ERRORS, EXAMPLES, Examples, form_or_json
from app.api.requests.body import body_fields
from app.api.requests.fields import ALIASES, PICTURE
from app.api.requests.idempotency import KeyHeader
from app.api.requests.input_image import request_with_reference
from app.api.requests.marked_query import Marked, Words
from app.api.requests.page_query import PageAfter, PageLimit, PageOrder
from app.api.requests.schemas import CreateVideo, RemixVideo
from app.api.requests.video_request import remix_request
from app.api.responses import Video, VideoDeleted, VideoList, job_headers, video_list
from app.api.video_answers import accepted_video, video_of
from app.api.waiting import looked_until_ended
from app.errors import InvalidRequest
from app.jobs.marks import ALL
from app.jobs.record import check_id
from app.telemetry import Stages
from app.types import Page

router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=ERRORS)

Wait = Annotated[
    float,
    Query(
        ge=0.0,
        le=LONGEST_WAIT_S,
        description="Seconds to wait for its end: answered then, or as it is after them",
    ),
]
Known = Annotated[
    str | None, Header(alias="if-none-match", description="The `etag` that you have: 304 where the video is still that")
]


async def create(
    request: Request, service: Service, settings: Config, base: PublicUrl, caller: Writer, key: KeyHeader
) -> Response:
    """When this answers, the job is recorded and will be made. An exact repeat is answered as completed."""
    asked, reference = request_with_reference(await body_fields(request), settings.max_prompt_chars)
    stages = Stages()
    accepting = service.accept(asked, caller, key, stages, reference)
    return await accepted_video(request, accepting, service, settings, base, stages)


router.add_api_route(
    "",
    create,
    methods=["POST"],
    summary="Ask for a video",
    response_model=Video,
    openapi_extra=form_or_json(CreateVideo, EXAMPLES, ALIASES, PICTURE),
    route_class_override=CreateRoute,
)


@router.get("", summary="List your videos")
async def list_videos(
    service: Service,
    settings: Config,
    base: PublicUrl,
    caller: Reader,
    after: PageAfter = None,
    limit: PageLimit = 20,
    order: PageOrder = "desc",
    among: Marked = ALL,
    search: Words = None,
) -> VideoList:
    """A page of videos, newest first unless told otherwise.

    A search looks at the newest 2,000 and has one page: those with all of the words, then those of like meaning.
    """
    cursor = check_id(after) if after else None
    if search is not None and search.strip():
        if cursor or order != "desc":
            raise InvalidRequest("A search has one page, and an order of its own.", "after" if cursor else "order")
        page = Page(tuple(await service.search(search, caller, among, limit)), False)
    elif among:
        page = await service.list_marked(caller, among, cursor, limit, order == "desc")
    else:
        page = await service.list(caller, cursor, limit, order == "desc")
    return video_list(
        await asyncio.gather(*(video_of(job, service, settings, base) for job in page.jobs)), page.has_more
    )


async def retrieve(
    video_id: str,
    request: Request,
    service: Service,
    settings: Config,
    base: PublicUrl,
    caller: Reader,
    wait: Wait = 0.0,
    _: Known = None,
) -> Response:
    """The video as it is now, or with `wait` once it has ended. The header `openai-poll-after-ms` says when to look
    again; who sends the `etag` of the last answer as `If-None-Match` is answered 304 while nothing has changed."""
    if wait:
        job = await looked_until_ended(request, service, check_id(video_id), caller, wait)
    else:
        job = await service.get(check_id(video_id), caller)
    return await look(job, service, settings, base, request.app.state.ended_bodies, request.headers)


router.add_api_route(
    "/{video_id}",
    retrieve,
    methods=["GET"],
    summary="Look at a video",
    response_model=Video,
    responses={304: {"description": "It is still what you have"}},
    route_class_override=LookRoute,
)


@router.delete("/{video_id}", summary="Stop a video if need be, and forget it")
async def delete(video_id: str, service: Service, caller: Writer) -> VideoDeleted:
    """Its record goes, and its files unless a repeat was answered with them."""
    await service.delete(check_id(video_id), caller)
    return VideoDeleted(id=video_id)


@router.post("/{video_id}/cancel", summary="Stop making a video")
async def cancel(
    video_id: str, response: Response, service: Service, settings: Config, base: PublicUrl, caller: Writer
) -> Video:
    """It is then `failed` with the code `cancelled`, its device free within a step; one that has ended stays.

    With the scope `operate`, any tenant's.
    """
    job = await service.cancel(check_id(video_id), caller)
    response.headers.update(job_headers(job, settings))
    return await video_of(job, service, settings, base)


_REMIX: Examples = {"remix": {"summary": "Another prompt", "value": {"prompt": "the same, but purple"}}}


@router.post(
    "/{video_id}/remix",
    summary="Make another one like it",
    response_model=Video,
    openapi_extra=form_or_json(RemixVideo, _REMIX),
)
async def remix(
    video_id: str,
    request: Request,
    service: Service,
    settings: Config,
    base: PublicUrl,
    caller: Writer,
    key: KeyHeader,
) -> Response:
    """A new video with all that an earlier one was made with (model, shape, tier, style, seed, pictures, LoRAs …) and
    another prompt; with its own prompt and a fresh `seed`, another take of it."""
    source = check_id(video_id)
    asked = remix_request(await body_fields(request), settings.max_prompt_chars)
    return await accepted_video(request, service.remix(source, asked, caller, key), service, settings, base)
