"""Pictures by OpenAI's route: each is a job of one frame, and the request waits until all of them are made."""

from __future__ import annotations

import base64
from dataclasses import replace

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from app.api.auth import Writer
from app.api.dependencies import Config, PublicUrl, Service
from app.api.followers import Seat
from app.api.openapi import ERRORS, Examples, form_or_json
from app.api.outcomes import OUTCOMES_DESCRIBED, failed, gone_wrong, ids_of
from app.api.requests.body import body_fields
from app.api.requests.idempotency import KeyHeader, replay_headers
from app.api.requests.image_fields import IMAGE_ALIASES, CreateImage, ImageWish, image_wish
from app.api.responses import VIDEO_ID, job_headers
from app.api.waiting import ended, withdraw
from app.errors import InvalidRequest, KinorayError
from app.plan.catalogue import Catalogue
from app.plan.seed import FRESH, MOST
from app.service.videos import VideoService
from app.settings import Settings
from app.types import Caller, Job, Phase, VideoRequest

router = APIRouter(prefix="/v1/images", tags=["images"], responses=ERRORS)
_EXAMPLES: Examples = {"short": {"summary": "A prompt is enough", "value": {"prompt": "a lighthouse in fog"}}}


class Image(BaseModel):
    """One picture; `id` names its job, which is found under /v1/videos."""

    id: str
    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = Field(None, description="Where the prompt was expanded")
    seed: int
    seed_text: str = Field(description="The seed as text")


class Images(BaseModel):
    """OpenAI's answer, and each picture's job and seed."""

    created: int
    data: list[Image]
    output_format: str
    size: str
    model: str


@router.post(
    "/generations",
    summary="Ask for pictures and wait for them",
    openapi_extra=form_or_json(CreateImage, _EXAMPLES, IMAGE_ALIASES),
    response_model=Images,
    response_model_exclude_none=True,
    responses=OUTCOMES_DESCRIBED,
)
async def generate(
    request: Request,
    response: Response,
    service: Service,
    settings: Config,
    base: PublicUrl,
    caller: Writer,
    key: KeyHeader,
    _: Seat,
) -> Images | Response:
    """The pictures. A client that hangs up while it waits cancels them.

    Not so with an `Idempotency-Key`: who asked with one can ask again and is given the same pictures.
    """
    wish = image_wish(await body_fields(request), settings.max_prompt_chars)
    asked = replace(wish.request, model=_model(wish.request.model, service, settings))
    jobs, replayed = await _accepted(replace(wish, request=asked), service, caller, key)
    try:
        jobs = await ended(request, service, jobs, caller, settings.sync_timeout_s, cancels=key is None)
        bad = next((job for job in jobs if job.phase is not Phase.COMPLETED), None)
        if bad is not None:
            return failed(bad, replayed)
        data = [await _image(job, wish, base, service, caller) for job in jobs]
    except KinorayError as error:
        return gone_wrong(error, jobs, replayed)
    response.headers.update(job_headers(jobs[0], settings) | {VIDEO_ID: ids_of(jobs)} | replay_headers(replayed))
    plan = jobs[0].plan
    return Images(
        created=int(max(job.completed_at or job.created_at for job in jobs)),
        data=data,
        output_format=wish.form,
        size=plan.whole.size,
        model=plan.model,
    )


def _model(name: str | None, service: VideoService, settings: Settings) -> str:
    """The model that was named, or the default, or else the first that makes pictures.

    Raises:
        InvalidRequest: it makes none, or none here does.
        ModelNotFound: there is no such model.
    """
    found = Catalogue(service.ports.models, settings.default_name, settings.aliases).find(name)
    able = [model.id for model in service.ports.models if model.frames[0] == 1]
    if found.id in able:
        return found.id
    if name is None and able:
        return able[0]
    others = f"models that do: {', '.join(able)}" if able else "no model here does"
    raise InvalidRequest(f"{found.id} makes no pictures; {others}.", "model", "not_an_image_model")


async def _accepted(wish: ImageWish, service: VideoService, caller: Caller, key: str | None) -> tuple[list[Job], bool]:
    """All jobs of the wish, and whether an earlier request with this key made them all.

    Without a key all or none: when one is refused, those before it are cancelled. With one they go on, for the same
    request, sent again, finds them and asks for the others.
    """
    jobs: list[Job] = []
    replays: list[bool] = []
    try:
        for number in range(wish.n):
            asked = _numbered(wish.request, number, jobs)
            job, replayed = await service.accept(asked, caller, _key_of(key, number, wish.n))
            jobs.append(job)
            replays.append(replayed)
    except KinorayError:
        if key is None:
            await withdraw(service, jobs, caller)
        raise
    return jobs, all(replays)


def _key_of(key: str | None, number: int, count: int) -> str | None:
    """The name of one picture's request: no client's key has a blank, so that none is taken by accident."""
    return None if key is None else f"{key} {number + 1}/{count}"


def _numbered(asked: VideoRequest, number: int, before: list[Job]) -> VideoRequest:
    """The same with the next seed, so that each picture is another, and found again when it is asked for again."""
    if number == 0 or asked.seed == FRESH:
        return asked
    return replace(asked, seed=(before[0].plan.sampling.seed + number) % (MOST + 1))


async def _image(job: Job, wish: ImageWish, base: str, service: VideoService, caller: Caller) -> Image:
    plan = job.plan
    seed = plan.sampling.seed
    image = Image(id=job.id, seed=seed, seed_text=str(seed), revised_prompt=plan.prompt if plan.written else None)
    if not wish.encoded:
        image.url = f"{base}/v1/videos/{job.id}/content?variant={wish.form}"
        return image
    artifact = await service.artifact(job.id, caller, wish.form)
    content = b"".join([chunk async for chunk in service.read(artifact)])
    image.b64_json = base64.b64encode(content).decode("ascii")
    return image
