"""What has to be asked for so that a video comes again, ready to be sent."""

from __future__ import annotations

import time
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.auth import Reader
from app.api.dependencies import Config, Service
from app.api.openapi import ERRORS
from app.api.requests.spoken import spoken
from app.jobs.record import check_id
from app.service.asked_again import asked_again

router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=ERRORS)


class VideoAsked(BaseModel):
    """A request that makes a video again."""

    object: Literal["video.request"] = "video.request"
    path: str = Field(description="Where it is sent by POST: /v1/videos, or the remix of a video with pictures")
    body: dict[str, Any] = Field(description="As JSON; without wishes such as priority, and of what is usual nothing")
    exact: bool = Field(description="Whether that would be the same video bit for bit; else the service has changed")


@router.get("/{video_id}/request", summary="The request that makes a video again")
async def request_of(video_id: str, service: Service, settings: Config, caller: Reader) -> VideoAsked:
    """As short as it can be said: what the service would choose anyway is left out. Nothing is made."""
    job = await service.get(check_id(video_id), caller)
    found = await asked_again(job, caller, service.ports, settings, time.time())
    path, body = "/v1/videos", spoken(found.request)
    if job.plan.inputs or job.plan.extends is not None:  # which nobody has to send again
        path, body = f"/v1/videos/{job.id}/remix", {name: body[name] for name in ("prompt", "seed")}
    return VideoAsked(path=path, body=body, exact=found.exact)
