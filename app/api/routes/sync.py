"""A video in one call: the request waits until the job has ended and is answered with the file itself."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api.auth import Writer
from app.api.dependencies import Config, Service
from app.api.file_answers import opened
from app.api.followers import Seat
from app.api.openapi import ERRORS, EXAMPLES, form_or_json
from app.api.outcomes import OUTCOMES_DESCRIBED, failed, gone_wrong
from app.api.requests.body import body_fields
from app.api.requests.fields import ALIASES, PICTURE
from app.api.requests.idempotency import KeyHeader, replay_headers
from app.api.requests.input_image import request_with_reference
from app.api.requests.schemas import CreateVideo
from app.api.responses import VIDEO_ID, inference_time_s, job_headers
from app.api.waiting import ended
from app.errors import KinorayError
from app.service.videos import VideoService
from app.settings import Settings
from app.types import Caller, Job, Phase

router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=ERRORS)


@router.post(
    "/sync",
    summary="Ask for a video and wait for it",
    openapi_extra=form_or_json(CreateVideo, EXAMPLES, ALIASES, PICTURE),
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {"schema": {"type": "string", "format": "binary"}}}},
        **OUTCOMES_DESCRIBED,
    },
)
async def create_and_wait(
    request: Request, service: Service, settings: Config, caller: Writer, key: KeyHeader, _: Seat
) -> Response:
    """The mp4, with the video's id in `x-video-id`. A client that hangs up while it waits cancels the job.

    Not so with an `Idempotency-Key`: who asked with one can ask again and is given the same job.
    """
    asked, reference = request_with_reference(await body_fields(request), settings.max_prompt_chars)
    job, replayed = await service.accept(asked, caller, key, reference=reference)
    try:
        (job,) = await ended(request, service, [job], caller, settings.sync_timeout_s, cancels=key is None)
        if job.phase is not Phase.COMPLETED:
            return failed(job, replayed)
        answer = await _content(job, service, settings, caller)
    except KinorayError as error:
        return gone_wrong(error, [job], replayed)
    answer.headers.update(replay_headers(replayed))
    return answer


async def _content(job: Job, service: VideoService, settings: Settings, caller: Caller) -> Response:
    artifact = await service.artifact(job.id, caller, "video")
    headers = job_headers(job, settings) | {VIDEO_ID: job.id, "content-length": str(artifact.size_bytes)}
    if job.measured is not None:
        headers["x-inference-time-s"] = f"{inference_time_s(job.measured):.3f}"
    chunks = await opened(service.read(artifact))
    return StreamingResponse(chunks, headers=headers, media_type=artifact.content_type)
