"""A completed video and what is to happen next come in; a job goes out whose clip goes on from its last frame."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from app.errors import ArtifactLost, Conflict, InvalidRequest, NotSupported
from app.plan.catalogue import Catalogue
from app.plan.likeness import gone_on
from app.plan.tiers import AUTO
from app.service.acceptance import Accepted
from app.service.kept_style import with_kept_style
from app.service.videos import VideoService
from app.types import OFF, Artifact, Caller, Extension, Job, ModelProfile, Phase, Plan, VideoRequest
from app.video.join import MOST_BYTES, last_frame

PAGE = 100
SEARCHED_PAGES = 10  # of the caller's videos, for the one that a file is
_NOTHING = Artifact("", "", 0)


async def extend(
    service: VideoService, source_id: str, asked: VideoRequest, caller: Caller, key: str | None = None
) -> Accepted:
    """A new job: its file holds the frames of the source, then those of a clip that begins with the last of them.

    What the request leaves open is as in the source: model, tier, style, negative prompt, LoRAs, guidance, sampler,
    shift. Its size and rate are the source's in any case, and its `seconds` those of the new clip.

    Raises:
        JobNotFound: there is no such video.
        NotSupported: the model takes no picture to begin with.
        InvalidRequest: another size or rate, a picture, or too long together; and as `VideoService.accept`.
        Conflict: the video is not completed.
        ArtifactLost, NotFound: its file is gone.
    """
    # 1. The same request before? Then nothing of the source is needed, which may be gone.
    told = replace(asked, extends=Extension(source_id, _NOTHING, 0))
    if (again := await service.replayed(told, caller, key)) is not None:
        return again
    # 2. Can it be?
    source = await service.get(source_id, caller)
    catalogue = Catalogue(service.ports.models, service.settings.default_name, service.settings.aliases)
    model = catalogue.find(asked.model or source.plan.model)
    if not model.takes_image:
        raise NotSupported(_instead(model, source.plan, catalogue), "model")
    if source.phase is not Phase.COMPLETED:
        message = f"{source_id} is {source.status}: only a completed video can be extended."
        raise Conflict(message, "video", "video_not_completed")
    _check(asked, source.plan)
    video = await service.artifact(source_id, caller, "video")
    # 3. Its last frame is the picture to begin with
    mp4 = b"".join([chunk async for chunk in service.read(video)])
    shown = source.plan.whole
    png, frames = await asyncio.to_thread(last_frame, mp4, shown.width, shown.height)
    request = replace(_as_source(asked, source, model), extends=Extension(source_id, video, frames))
    if asked.style is None:
        request = await with_kept_style(request, caller, service.ports.presets)
    whole = (await service.analyze(request, caller, png)).whole
    if whole.frames * whole.height * whole.width * 3 > MOST_BYTES:
        most_s = MOST_BYTES / (whole.height * whole.width * 3) / whole.fps
        message = f"Together they would play {whole.seconds:.1f} s; at {whole.size} it may be {most_s:.1f} s."
        raise InvalidRequest(message, "seconds", "unsupported_length")
    return await service.accept(request, caller, key, reference=png, told=told)


async def made_here(service: VideoService, content: bytes, caller: Caller) -> str:
    """The id of the caller's newest video whose file has just these bytes: OpenAI's package can send no id, but a file.

    Nothing of it is decoded. Raises NotSupported: none of the newest is it.
    """
    after: str | None = None
    for _ in range(SEARCHED_PAGES):
        page = await service.list(caller, after, PAGE, newest_first=True)
        for job in page.jobs:
            video = job.artifacts.get("video")
            if video is not None and video.size_bytes == len(content) and await _same(service, video, content):
                return job.id
        if not page.has_more:
            break
        after = page.jobs[-1].id
    raise NotSupported(
        "Only videos that were made here are extended: send the file as it was downloaded, or its id. A picture of "
        "another video's last frame is taken as input_reference of POST /v1/videos.",
        "video",
    )


async def _same(service: VideoService, video: Artifact, content: bytes) -> bool:
    place = 0
    try:
        async for chunk in service.read(video):
            if content[place : place + len(chunk)] != chunk:
                return False
            place += len(chunk)
    except ArtifactLost:
        return False
    return place == len(content)


def _as_source(asked: VideoRequest, source: Job, model: ModelProfile) -> VideoRequest:
    """The request with what it leaves open as in the source, as far as the model is the same."""
    plan, more = source.plan, source.plan.postprocessing
    request = replace(
        asked,
        model=model.id,
        width=plan.spec.width,
        height=plan.spec.height,
        fps=plan.whole.fps,
        interpolate=asked.interpolate or (OFF if more is None else more.interpolate),
        upscale=1 if more is None else more.upscale,
        tier=plan.asked_tier if asked.tier == AUTO else asked.tier,
    )
    return gone_on(request, plan, model) if model.id == plan.model else request


def _check(asked: VideoRequest, plan: Plan) -> None:
    """Refuse what an extension cannot have otherwise than its source. Raises InvalidRequest."""
    made, shown = plan.spec, plan.whole
    for name, value, own in (
        ("size", asked.width, (made.width, shown.width)),
        ("size", asked.height, (made.height, shown.height)),
        ("fps", asked.fps, (shown.fps,)),
        ("upscale", asked.upscale, (shown.width // made.width,)),
    ):
        if value is not None and value not in own:
            message = f"An extension has its source's size and rate: {shown.size} at {shown.fps} frames a second."
            raise InvalidRequest(message, name, "conflicting_parameters")
    if asked.frames is not None:
        raise InvalidRequest("Say with seconds how much longer the video is to be.", "num_frames")


def _instead(model: ModelProfile, plan: Plan, catalogue: Iterable[ModelProfile]) -> str:
    """What can be used where a model takes no picture."""
    spec = plan.spec
    able = [
        each.id
        for each in catalogue
        if each.takes_image and (spec.width, spec.height) in each.sizes and each.fps[0] <= spec.fps <= each.fps[1]
    ]
    if able:
        return f"{model.id} takes no picture to go on from: name a model that does, {', '.join(able)}."
    return (
        f"{model.id} takes no picture to go on from, nor does another model here that makes {spec.size} at {spec.fps} "
        f"frames a second. POST /v1/videos/{{id}}/remix makes one like it; a longer video is asked for with seconds."
    )
