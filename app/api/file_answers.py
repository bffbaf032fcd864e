"""A file of the artifact store as an answer: whole, one range of bytes, or nothing where the client has it already."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api.problems import of_error
from app.api.requests.conditional import matches
from app.api.requests.ranges import Span, Unsatisfiable, span_of
from app.errors import RangeNotSatisfiable
from app.types import Artifact

_ENDINGS = {
    "video/mp4": ".mp4",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "audio/mp4": ".m4a",
    "audio/flac": ".flac",
    "audio/wav": ".wav",
    "application/x-subrip": ".srt",
    "text/vtt": ".vtt",
}

Text = Annotated[str | None, Header()]
Read = Callable[[Artifact, int, int | None], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client wants of a file: its method, and the headers about a part of it, or about what it has."""

    method: str
    range: str | None
    if_range: str | None
    if_none_match: str | None


def _wanted(request: Request, range: Text = None, if_range: Text = None, if_none_match: Text = None) -> Wanted:
    return Wanted(request.method, range, if_range, if_none_match)


Part = Annotated[Wanted, Depends(_wanted)]


def files_of(*types: str) -> dict[int | str, dict[str, Any]]:
    """What the document says of a route that answers with files of these types."""
    content = {type_: {"schema": {"type": "string", "format": "binary"}} for type_ in types}
    return {200: {"content": content}, 206: {"content": content}, 304: {}, 416: {}}


async def file_answer(artifact: Artifact, name: str, wanted: Wanted, read: Read) -> Response:
    """The file, called `name` and an ending, or the part of it that is wanted. Raises StoreUnavailable."""
    headers = _headers(artifact, name)
    if wanted.if_none_match is not None and matches(wanted.if_none_match, headers["etag"]):
        return Response(status_code=304, headers={name: headers[name] for name in ("etag", "cache-control")})
    try:
        span = span_of(wanted.range if wanted.if_range in (None, headers["etag"]) else None, artifact.size_bytes)
    except Unsatisfiable:
        return _outside(artifact)
    return await _answer(wanted.method, read, artifact, span, headers)


async def opened(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks, the first of them already read: what fails at once can still be answered as an error."""
    first = await anext(chunks, b"")

    async def rest() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return rest()


async def _answer(method: str, read: Read, artifact: Artifact, span: Span | None, headers: dict[str, str]) -> Response:
    part = span or Span(0, artifact.size_bytes)
    headers["content-length"] = str(part.end - part.start)
    status = 200
    if span is not None:
        status = 206
        headers["content-range"] = f"bytes {part.start}-{part.end - 1}/{artifact.size_bytes}"
    if method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=artifact.content_type)
    chunks = await opened(read(artifact, part.start, part.end))
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
