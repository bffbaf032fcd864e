"""The files of a completed video: whole or one range of bytes, streamed from the artifact store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.api.auth import Reader
from app.api.dependencies import Service
from app.api.file_answers import Part, Wanted, file_answer, files_of
from app.api.openapi import ERRORS
from app.jobs.record import check_id
from app.service.animations import KINDS
from app.service.videos import VideoService
from app.types import Artifact

router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=ERRORS)

Variant = Annotated[
    Literal["video", "thumbnail", "spritesheet", "png", "jpeg", "webp", "gif", "audio", "wav", "prepared", "draft"],
    Query(
        description="Which file; png, jpeg and webp of a picture, a video of one frame; gif, and webp of others, "
        "at most 300 frames of 320 or 480 pixels; "
        "audio and wav: what is heard, as AAC in an m4a and as it was made, of a video that has sound; "
        "prepared: the picture that `prepare` has made, there from the first; "
        "draft: what a speculative job shows first, while it goes on"
    ),
]


@router.get(
    "/{video_id}/content",
    summary="Download a video",
    response_class=Response,
    responses=files_of("video/mp4", "image/*", "audio/mp4", "audio/wav"),
)
async def content(video_id: str, service: Service, caller: Reader, part: Part, variant: Variant = "video") -> Response:
    """The file, or with `Range: bytes=…` a part of it. 404 until the video is completed, or the draft made."""
    job_id = check_id(video_id)
    name = f"{video_id}-{variant}" if variant != "video" else video_id
    if variant in KINDS and variant not in (await service.get(job_id, caller)).artifacts:
        return await _animated(await service.artifact(job_id, caller, "video"), variant, name, part, service)
    artifact = await service.artifact(job_id, caller, variant)
    return await file_answer(artifact, name, part, service.read)


async def _animated(video: Artifact, kind: str, name: str, part: Wanted, service: VideoService) -> Response:
    content = await service.animations.made(video, kind)

    async def read(_: Artifact, start: int, end: int | None) -> AsyncIterator[bytes]:
        yield content[start:end]

    artifact = Artifact(f"{video.key}.{kind}", f"image/{kind}", len(content))
    return await file_answer(artifact, name, part, read)
