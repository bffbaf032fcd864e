"""Styles as a resource: the server's, one's own and those that others share; listed, recommended, made, shared."""

from __future__ import annotations

import time
from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request

from app.api.auth import Reader, Writer
from app.api.dependencies import Config, Service
from app.api.openapi import ERRORS, Examples, form_or_json, query_of
from app.api.requests.body import body_fields, query_fields
from app.api.requests.fields import Fields
from app.api.requests.style_fields import (
    STYLE_ALIASES,
    CreateStyle,
    RecommendStyle,
    StyleAdvice,
    StyleDeleted,
    StyleInfo,
    StyleList,
    advice,
    style_info,
    style_of,
    wish_for_advice,
)
from app.errors import Conflict
from app.plan.styles.presets import Preset, new_id, no_such_style
from app.plan.styles.recommend import recommend
from app.plan.styles.styles import TEMPLATES, Style, checked, is_id
from app.service.videos import VideoService
from app.settings import Settings
from app.types import Caller

router = APIRouter(prefix="/v1/styles", tags=["styles"], responses=ERRORS)

_CREATE: Examples = {
    "words": {
        "summary": "Words around the prompt",
        "value": {"name": "Night", "after": "at night, neon light", "negative_prompt": "daylight"},
    },
    "quick": {"summary": "What the planner is asked for", "value": {"name": "Draft", "tier": "preview", "fps": 8}},
}
_ADVICE: Examples = {"product": {"summary": "A prompt", "value": {"prompt": "a product shot of a watch, studio light"}}}


@router.get("", summary="List the styles")
async def list_styles(service: Service, caller: Reader) -> StyleList:
    """The server's styles, then your own, then what others share (the 100 shared last), with the figures of use."""
    server = [(style, None) for style in TEMPLATES.values()]
    kept = [(preset.style, preset) for preset in await _presets(service, caller)]
    return StyleList(data=await _told([*server, *kept], service, caller))


@router.post("", summary="Make a style", openapi_extra=form_or_json(CreateStyle, _CREATE, STYLE_ALIASES))
async def create(request: Request, service: Service, caller: Writer) -> StyleInfo:
    """Keep a style of your own; `style` on a request then takes its id. You may have 100."""
    style = checked(style_of(await body_fields(request), new_id()))
    preset = Preset(style, caller.tenant, time.time())
    await service.ports.presets.create(preset)
    request.state.resource = style.id
    return await _one(preset, service, caller)


@router.get("/recommend", summary="Which styles suit a prompt", openapi_extra=query_of(RecommendStyle))
async def recommended(request: Request, service: Service, settings: Config, caller: Reader) -> StyleAdvice:
    """The styles nearest in meaning to a prompt, the nearest first, each with a score and a reason."""
    return await _advice(query_fields(request), service, settings, caller)


@router.post("/recommend", summary="Which styles suit a prompt", openapi_extra=form_or_json(RecommendStyle, _ADVICE))
async def recommended_body(request: Request, service: Service, settings: Config, caller: Reader) -> StyleAdvice:
    """The same, with the fields in the body."""
    return await _advice(await body_fields(request), service, settings, caller)


@router.get("/{style_id}", summary="Look at a style")
async def retrieve(style_id: str, service: Service, caller: Reader) -> StyleInfo:
    """One of the server's, your own, or one that is shared."""
    if style_id in TEMPLATES:
        return (await _told([(TEMPLATES[style_id], None)], service, caller))[0]
    return await _one(await service.ports.presets.get(_checked_id(style_id), caller.tenant), service, caller)


@router.delete("/{style_id}", summary="Forget a style")
async def delete(style_id: str, service: Service, caller: Writer) -> StyleDeleted:
    """Only your own. Videos made in it stay as they are."""
    await service.ports.presets.delete(_own_id(style_id), caller.tenant)
    return StyleDeleted(id=style_id)


@router.post("/{style_id}/share", summary="Let others use a style")
async def share(style_id: str, service: Service, caller: Writer) -> StyleInfo:
    """Everyone on this server then sees it and may use it; nobody else can change or delete it."""
    preset = await service.ports.presets.share(_own_id(style_id), caller.tenant, time.time())
    return await _one(preset, service, caller)


@router.delete("/{style_id}/share", summary="Keep a style to yourself again")
async def unshare(style_id: str, service: Service, caller: Writer) -> StyleInfo:
    """Requests of others that name it are then refused."""
    preset = await service.ports.presets.unshare(_own_id(style_id), caller.tenant)
    return await _one(preset, service, caller)


async def _advice(fields: Fields, service: VideoService, settings: Settings, caller: Caller) -> StyleAdvice:
    prompt, most = wish_for_advice(fields, settings.max_prompt_chars)
    presets = {preset.style.id: preset for preset in await _presets(service, caller)}
    styles = (*TEMPLATES.values(), *(preset.style for preset in presets.values()))
    found = await recommend(prompt, styles, service.ports.sentences, most)
    infos = await _told([(each.style, presets.get(each.style.id)) for each in found], service, caller)
    return advice(prompt, found, infos)


async def _one(preset: Preset, service: VideoService, caller: Caller) -> StyleInfo:
    return (await _told([(preset.style, preset)], service, caller))[0]


async def _told(found: Sequence[tuple[Style, Preset | None]], service: VideoService, caller: Caller) -> list[StyleInfo]:
    """Styles as their reader sees them, with the figures of their use."""
    usage = await service.ports.presets.usage([style.id for style, _ in found], caller.tenant)
    return [style_info(style, preset, used, caller) for (style, preset), used in zip(found, usage, strict=True)]


async def _presets(service: VideoService, caller: Caller) -> list[Preset]:
    """The caller's own and those of others."""
    presets = service.ports.presets
    return [*await presets.own(caller.tenant), *await presets.shared(caller.tenant)]


def _checked_id(style_id: str) -> str:
    if not is_id(style_id):
        raise no_such_style()
    return style_id


def _own_id(style_id: str) -> str:
    """An id that may be of a user's style. Raises Conflict for the server's own, NotFound for what is no id."""
    if style_id in TEMPLATES:
        raise Conflict(f"{style_id} is the server's own style; it cannot be changed.", code="server_style")
    return _checked_id(style_id)
