"""What has to be asked for so that a video comes again, ready to be sent, and the pictures that it was made with."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api.auth import Reader
from app.api.dependencies import Config, PublicUrl, Service
from app.api.file_answers import Part, file_answer, files_of
from app.api.openapi import ERRORS
from app.api.requests.spoken import spoken
from app.jobs.record import check_id
from app.service.asked_again import asked_again, given, given_to

Number = Annotated[int, Path(ge=0, description="Its place among the `inputs` of the video's request, from 0")]

router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=ERRORS)


class InputGiven(BaseModel):
    """A picture or a video that a video was made with."""

    role: str = Field(description="What it is for: first, last, reference, control or mask")
    kind: str = Field(description="image, video or audio")
    content_type: str = Field(description="image/png or video/mp4, as it is stored")
    size_bytes: int = Field(description="How long the file is")
    frame: int | None = Field(description="At which frame it stands, where its role says that")
    strength: float = Field(description="How strongly it holds; 1 is usual")
    url: str = Field(description="Where it is, as it was stored: cut and prepared, where that was asked for")


class VideoAsked(BaseModel):
    """A request that makes a video again."""

    object: Literal["video.request"] = "video.request"
    path: str = Field(description="Where it is sent by POST: /v1/videos, or the remix of a video with pictures")
    body: dict[str, Any] = Field(description="As JSON; without wishes such as priority, and of what is usual nothing")
    exact: bool = Field(description="Whether that would be the same video bit for bit; else the service has changed")
    fields: dict[str, Any] = Field(description="All that it was asked for with, but the inputs; without any, the body")
    inputs: list[InputGiven] = Field(description="What it was made with, the picture that it begins with first")
    extends: str | None = Field(description="The video that it goes on from; null: none")


@router.get("/{video_id}/request", summary="The request that makes a video again")
async def request_of(video_id: str, service: Service, settings: Config, base: PublicUrl, caller: Reader) -> VideoAsked:
    """As short as it can be said: what the service would choose anyway is left out. Nothing is made."""
    job = await service.get(check_id(video_id), caller)
    found = await asked_again(job, caller, service.ports, settings, time.time())
    path, body = "/v1/videos", (fields := spoken(found.request))
    if job.plan.inputs or job.plan.extends is not None:  # which nobody has to send again
        path, body = f"/v1/videos/{job.id}/remix", {name: body[name] for name in ("prompt", "seed")}
    inputs = [
        InputGiven(
            role=each.role,
            kind=each.kind,
            content_type=each.artifact.content_type,
            size_bytes=each.artifact.size_bytes,
            frame=each.frame,
            strength=each.strength,
            url=f"{base}/v1/videos/{job.id}/inputs/{number}",
        )
        for number, each in enumerate(given_to(job.plan))
    ]
    before = None if job.plan.extends is None else job.plan.extends.source
    return VideoAsked(path=path, body=body, exact=found.exact, fields=fields, inputs=inputs, extends=before)


@router.get(
    "/{video_id}/inputs/{number}",
    summary="Download a picture that a video was made with",
    response_class=Response,
    responses=files_of("image/png", "video/mp4"),
)
async def input_of(video_id: str, number: Number, service: Service, caller: Reader, part: Part) -> Response:
    """One of those that its request lists, counted from 0, or with `Range: bytes=…` a part of it; as long as the video
    is on record."""
    job = await service.get(check_id(video_id), caller)
    artifact = await given(job, number, service.ports.artifacts)
    return await file_answer(artifact, f"{job.id}-input-{number}", part, service.read)
