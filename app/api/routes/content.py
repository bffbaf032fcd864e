"""The files of a completed video: whole or one range of bytes, streamed from the artifact store."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.api.auth import Reader
from app.api.dependencies import Service
from app.api.file_answers import Part, file_answer, files_of
from app.api.openapi import ERRORS
from app.jobs.record import check_id

router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=ERRORS)

Variant = Annotated[
    Literal["video", "thumbnail", "spritesheet", "png", "jpeg", "webp"],
    Query(description="Which file; the last three of a picture, which is a video of one frame"),
]


@router.get(
    "/{video_id}/content",
    summary="Download a video",
    response_class=Response,
    responses=files_of("video/mp4", "image/*"),
)
async def content(video_id: str, service: Service, caller: Reader, part: Part, variant: Variant = "video") -> Response:
    """The file, or with `Range: bytes=…` a part of it. 404 until the video is completed."""
    artifact = await service.artifact(check_id(video_id), caller, variant)
    name = f"{video_id}-{variant}" if variant != "video" else video_id
    return await file_answer(artifact, name, part, service.read)
