"""Several videos in one file."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from app.api.auth import Reader
from app.api.dependencies import Service
from app.api.file_answers import opened
from app.api.openapi import ERRORS
from app.api.zipping import MOST_BYTES, MOST_VIDEOS, names_of, zipped
from app.errors import InvalidRequest, PayloadTooLarge
from app.jobs.record import check_id

router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=ERRORS)
MOST_CHARS = 80 * MOST_VIDEOS


@router.get(
    "/zip",
    summary="Download several videos",
    response_class=Response,
    responses={200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def archive(
    service: Service,
    caller: Reader,
    ids: Annotated[str, Query(max_length=MOST_CHARS, description="Of completed videos, with commas between")],
) -> Response:
    """A zip of up to 100 videos and 2 GiB, named after their prompts, streamed as it is read."""
    wanted = tuple(dict.fromkeys(each.strip() for each in ids.split(",") if each.strip()))
    if not wanted or len(wanted) > MOST_VIDEOS:
        raise InvalidRequest(f"Name 1 to {MOST_VIDEOS} videos, not {len(wanted)}.", "ids")
    jobs = await asyncio.gather(*(service.get(check_id(each), caller) for each in wanted))
    found = await asyncio.gather(*(service.artifact(job.id, caller, "video") for job in jobs))
    if sum(each.size_bytes for each in found) > MOST_BYTES:
        raise PayloadTooLarge(f"Together they have more than {MOST_BYTES:,} bytes; take fewer.", "ids")
    chunks = await opened(zipped(list(zip(names_of(jobs), found, strict=True)), service.ports))
    headers = {"content-disposition": 'attachment; filename="videos.zip"', "cache-control": "private, no-store"}
    return StreamingResponse(chunks, 200, headers, "application/zip")
