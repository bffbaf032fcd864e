"""The report of one video: where its time went, who ran it, what it waited for."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.auth import Reader
from app.api.dependencies import Service
from app.api.openapi import ERRORS
from app.api.report_schema import VideoReport, report_object
from app.jobs.record import check_id

router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=ERRORS)


@router.get("/{video_id}/report", summary="Where the time of a video went")
async def report(video_id: str, service: Service, caller: Reader) -> VideoReport:
    """Stages, waits and attempts so far, and the bottleneck in a sentence; kept as long as the video's record."""
    return report_object(await service.report(check_id(video_id), caller))
