"""Storyboards as a resource: asked for, planned, drafted, listed, looked at, changed, tried again, stopped, deleted."""

from __future__ import annotations

import re
import time
from functools import partial
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.auth import Storyteller
from app.api.dependencies import Boards, Config, Drafting, PublicUrl
from app.api.file_answers import Part, file_answer, files_of
from app.api.openapi import ERRORS, Examples, json_only
from app.api.requests.body import json_fields
from app.api.requests.conditional import revision_of
from app.api.requests.idempotency import KeyHeader, replay_headers
from app.api.requests.page_query import PageAfter, PageLimit, PageOrder
from app.api.requests.storyboard import refuse_many, scene_change, story_request
from app.api.requests.storyboard_draft import DraftStoryboard, draft_request
from app.api.requests.storyboard_fields import ChangeScene, CreateStoryboard
from app.api.storyboard_answers import story_headers, storyboard_list, storyboard_object
from app.api.storyboard_plans import PlannedStoryboard, StoryboardDraft, drafted_storyboard, planned_storyboard
from app.api.storyboard_schemas import Storyboard, StoryboardDeleted, StoryboardList
from app.errors import InvalidRequest, StoryboardNotFound
from app.jobs.storyboards.store import check_story_id
from app.settings import Settings
from app.storyboards.drafting.draft import draft
from app.storyboards.drafting.options import for_model
from app.storyboards.views import StoryView

router = APIRouter(prefix="/v1/storyboards", tags=["storyboards"], responses=ERRORS)

_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_BALL: Final = {"prompt": "a red ball bounces on sand", "narration": "Once there was a ball."}
_CREATE: Examples = {
    "two": {
        "summary": "Two scenes with a voice",
        "value": {
            "title": "The ball",
            "scenes": [_BALL, {"prompt": "a blue square spins", "narration": "It met a square."}],
            "captions": "burnt",
            "transition": "crossfade",
        },
    },
    "silent": {"summary": "A scene is enough", "value": {"scenes": [{"prompt": "a red ball", "caption": "A ball"}]}},
}
_CHANGE: Examples = {
    "words": {"summary": "Another narration", "value": {"narration": "Once upon a time.", "revision": 1}},
    "none": {"summary": "None any more", "value": {"narration": None}},
}
_DRAFT: Examples = {
    "text": {"summary": "Scenes of a text", "value": {"text": "A red ball bounces. It meets a square.", "scenes": 2}}
}

SceneQuery = Annotated[
    int | None, Query(ge=1, le=999, description="Of that scene, from 1, as soon as it is made, instead of the film")
]
Variant = Annotated[
    Literal["video", "thumbnail", "spritesheet", "srt", "vtt", "audio"],
    Query(
        description="Which file; srt and vtt are captions, audio is all that is heard (m4a), or of a scene its "
        "narration (flac). Some films have none of these; no scene has captions of its own"
    ),
]
IfMatch = Annotated[
    str | None, Header(description="The revision that you have seen, which is the ETag; `revision` in the body, too")
]


def scene_number(given: str) -> int:
    """The number of a scene in an address. Raises InvalidRequest for what is no number, StoryboardNotFound for 0."""
    if not _NUMBER.fullmatch(given):
        raise InvalidRequest("A scene's number is a whole number, from 1.", "n")
    if int(given) < 1:
        raise StoryboardNotFound("There is no scene 0: they are counted from 1.", "n", "scene_not_found")
    return int(given)


def _told(view: StoryView, response: Response, settings: Settings, base: str) -> Storyboard:
    response.headers.update(story_headers(view, settings))
    return storyboard_object(view, settings, base, time.time())


def _glance(settings: Settings) -> partial[None]:
    return partial(refuse_many, most=settings.storyboard_max_scenes)


@router.post("", summary="Ask for a storyboard", openapi_extra=json_only(CreateStoryboard, _CREATE))
async def create(
    request: Request,
    response: Response,
    boards: Boards,
    settings: Config,
    base: PublicUrl,
    caller: Storyteller,
    key: KeyHeader,
) -> Storyboard:
    """When this answers, it is recorded and will be made, each scene as a video of its own, scenes at the same time.

    What was made before, unchanged, is answered as completed.
    """
    asked = story_request(await json_fields(request, _glance(settings)), settings)
    view, replayed = await boards.create(asked.wish, caller, key, asked.pictures, asked.references)
    request.state.resource = view.story.id
    response.headers.update(replay_headers(replayed))
    return _told(view, response, settings, base)


@router.get("", summary="List your storyboards")
async def list_storyboards(
    boards: Boards,
    settings: Config,
    base: PublicUrl,
    caller: Storyteller,
    after: PageAfter = None,
    limit: PageLimit = 20,
    order: PageOrder = "desc",
) -> StoryboardList:
    """A page of storyboards, newest first unless told otherwise."""
    page = await boards.list(caller, check_story_id(after) if after else None, limit, order == "desc")
    return storyboard_list(page, settings, base, time.time())


@router.post(
    "/analyze", summary="Plan a storyboard without making it", openapi_extra=json_only(CreateStoryboard, _CREATE)
)
async def analyze(request: Request, boards: Boards, settings: Config, caller: Storyteller) -> PlannedStoryboard:
    """What it would be and take: seconds, device-seconds and money, of each scene and in sum."""
    asked = story_request(await json_fields(request, _glance(settings)), settings)
    return planned_storyboard(await boards.analyze(asked.wish, caller, asked.pictures, asked.references))


@router.post("/draft", summary="Make scenes of a text", openapi_extra=json_only(DraftStoryboard, _DRAFT))
async def draft_scenes(
    request: Request, boards: Boards, tools: Drafting, settings: Config, caller: Storyteller
) -> StoryboardDraft:
    """A storyboard to look at, to change, and to send to `POST /v1/storyboards`. Nothing is made or kept."""
    asked = draft_request(await json_fields(request), settings)
    options = for_model(asked.options, boards.model(asked.options.model))
    return drafted_storyboard(await draft(asked.text, options, tools))


@router.get("/{story_id}", summary="Look at a storyboard")
async def retrieve(
    story_id: str, response: Response, boards: Boards, settings: Config, base: PublicUrl, caller: Storyteller
) -> Storyboard:
    """The storyboard as it stands, with all of its scenes. `openai-poll-after-ms` says when to look again."""
    return _told(await boards.get(check_story_id(story_id), caller), response, settings, base)


@router.delete("/{story_id}", summary="Stop a storyboard if need be, and forget it")
async def delete(story_id: str, boards: Boards, caller: Storyteller) -> StoryboardDeleted:
    """Its record goes, the videos that were made for it, and its files."""
    await boards.delete(check_story_id(story_id), caller)
    return StoryboardDeleted(id=story_id)


@router.post("/{story_id}/cancel", summary="Stop making a storyboard")
async def cancel(
    story_id: str, response: Response, boards: Boards, settings: Config, base: PublicUrl, caller: Storyteller
) -> Storyboard:
    """It is then `failed` with the code `cancelled`; scenes that are made are kept. One that has ended stays."""
    return _told(await boards.cancel(check_story_id(story_id), caller), response, settings, base)


@router.patch("/{story_id}/scenes/{n}", summary="Change a scene", openapi_extra=json_only(ChangeScene, _CHANGE))
async def change_scene(
    story_id: str,
    n: str,
    request: Request,
    response: Response,
    boards: Boards,
    settings: Config,
    base: PublicUrl,
    caller: Storyteller,
    if_match: IfMatch = None,
) -> Storyboard:
    """What the change concerns is made again: the scene, its narration if that is another, and the film.

    One that has ended is taken up again. Where it has another revision than the one that is named, or gets one
    meanwhile, the answer is 409 with the code `revision_conflict`, and `revision` in the error is the one that stands.
    """
    story, number = check_story_id(story_id), scene_number(n)
    change = scene_change(await json_fields(request), revision_of(if_match), settings)
    view = await boards.change_scene(story, number, change, caller, change.revision, change.picture, change.references)
    return _told(view, response, settings, base)


@router.post("/{story_id}/scenes/{n}/retry", summary="Try a failed scene again")
async def retry(
    story_id: str,
    n: str,
    response: Response,
    boards: Boards,
    settings: Config,
    base: PublicUrl,
    caller: Storyteller,
) -> Storyboard:
    """That scene alone is made again, and then the film; one that has not failed stays as it is."""
    view = await boards.retry_scene(check_story_id(story_id), scene_number(n), caller)
    return _told(view, response, settings, base)


@router.get(
    "/{story_id}/content",
    summary="Download a film",
    response_class=Response,
    responses=files_of("video/mp4", "audio/mp4", "image/*", "text/*"),
)
async def content(
    story_id: str, boards: Boards, caller: Storyteller, part: Part, variant: Variant = "video", scene: SceneQuery = None
) -> Response:
    """The file, or with `Range: bytes=…` a part of it. 404 until there is one; scenes are there before the film."""
    artifact = await boards.artifact(check_story_id(story_id), caller, variant, scene)
    name = f"{story_id}-scene-{scene}" if scene is not None else story_id
    return await file_answer(artifact, name if variant == "video" else f"{name}-{variant}", part, boards.read)
