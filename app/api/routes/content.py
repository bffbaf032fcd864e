"""The files of a completed video: whole or one range of bytes, streamed from the artifact store."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api.auth import Reader
from app.api.dependencies import Service
from app.api.openapi import ERRORS
from app.api.problems import of_error
from app.api.requests.conditional import matches
from app.api.requests.ranges import Span, Unsatisfiable, span_of
from app.errors import RangeNotSatisfiable
from app.jobs.record import check_id
from app.service.videos import VideoService
from app.types import Artifact

router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=ERRORS)

_ENDINGS = {"video/mp4": ".mp4", "image/webp": ".webp", "image/jpeg": ".jpg", "image/png": ".png"}
_FILES = {type_: {"schema": {"type": "string", "format": "binary"}} for type_ in ("video/mp4", "image/*")}

Variant = Annotated[
    Literal["video", "thumbnail", "spritesheet", "png", "jpeg", "webp", "prepared"],
    Query(
        description="Which file; png, jpeg and webp of a picture, which is a video of one frame; "
        "prepared: the picture that `prepare` has made, there from the first"
    ),
]
Text = Annotated[str | None, Header()]


@router.get(
    "/{video_id}/content",
    summary="Download a video",
    response_class=Response,
    responses={200: {"content": _FILES}, 206: {"content": _FILES}, 304: {}, 416: {}},
)
async def content(
    video_id: str,
    request: Request,
    service: Service,
    caller: Reader,
    variant: Variant = "video",
    range: Text = None,
    if_range: Text = None,
    if_none_match: Text = None,
) -> Response:
    """The file, or with `Range: bytes=…` a part of it. 404 until the video is completed."""
    artifact = await service.artifact(check_id(video_id), caller, variant)
    headers = _headers(artifact, f"{video_id}-{variant}" if variant != "video" else video_id)
    if if_none_match is not None and matches(if_none_match, headers["etag"]):
        return Response(status_code=304, headers={name: headers[name] for name in ("etag", "cache-control")})
    try:
        span = span_of(range if if_range in (None, headers["etag"]) else None, artifact.size_bytes)
    except Unsatisfiable:
        return _outside(artifact)
    return await _answer(request.method, service, artifact, span, headers)


async def opened(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks, the first of them already read: what fails at once can still be answered as an error."""
    first = await anext(chunks, b"")

    async def rest() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return rest()


async def _answer(
    method: str, service: VideoService, artifact: Artifact, span: Span | None, headers: dict[str, str]
) -> Response:
    part = span or Span(0, artifact.size_bytes)
    headers["content-length"] = str(part.end - part.start)
    status = 200
    if span is not None:
        status = 206
        headers["content-range"] = f"bytes {part.start}-{part.end - 1}/{artifact.size_bytes}"
    if method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=artifact.content_type)
    chunks = await opened(service.read(artifact, part.start, part.end))
    return StreamingResponse(chunks, status, headers, artifact.content_type)


def _headers(artifact: Artifact, name: str) -> dict[str, str]:
    mark = hashlib.sha256(f"{artifact.key}\n{artifact.size_bytes}".encode()).hexdigest()  # a key is written once
    ending = _ENDINGS.get(artifact.content_type, "")
    return {
        "accept-ranges": "bytes",
        "etag": f'"{mark[:32]}"',
        "cache-control": "private, no-cache",
        "content-disposition": f'inline; filename="{name}{ending}"',
    }


def _outside(artifact: Artifact) -> Response:
    size = artifact.size_bytes
    answer = of_error(RangeNotSatisfiable(f"The file has {size:,} bytes; the range lies outside.", "range"))
    answer.headers["content-range"] = f"bytes */{size}"
    answer.headers["accept-ranges"] = "bytes"
    return answer
