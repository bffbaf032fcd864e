"""A video in one call: the request waits until the job has ended and is answered with the file itself."""

from __future__ import annotations

import asyncio

import anyio
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api.answers import VIDEO_ID, inference_time_s, job_headers
from app.api.auth import Who
from app.api.body import body_fields
from app.api.content import opened
from app.api.documented import ERRORS, EXAMPLES, form_or_json
from app.api.given import Config, Service
from app.api.once import Key, replay_headers
from app.api.problems import problem
from app.api.reference import asked_of
from app.api.schemas import CreateVideo
from app.errors import Cancelled, GenerationError, TimedOut
from app.service import VideoService
from app.settings import Settings
from app.types import Caller, Job, Phase

router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=ERRORS)


@router.post(
    "/sync",
    summary="Ask for a video and wait for it",
    openapi_extra=form_or_json(CreateVideo, EXAMPLES),
    response_class=Response,
    responses={200: {"content": {"video/mp4": {}}}, 504: {"description": "Not ready in time; the job goes on."}},
)
async def create_and_wait(request: Request, service: Service, settings: Config, caller: Who, key: Key) -> Response:
    """The mp4, with the video's id in `x-video-id`. A client that hangs up while it waits cancels the job.

    Not so with an `Idempotency-Key`: who asked with one can ask again and is given the same job.
    """
    asked, picture = await asked_of(await body_fields(request), service, settings, caller)
    job, replayed = await service.accept(asked, caller, key, picture=picture)
    try:
        job = await _ended(request, service, job, caller, settings.sync_timeout_s, cancels=key is None)
    except TimedOut as error:
        return problem(504, error.error_code, error.message, headers={VIDEO_ID: job.id} | replay_headers(replayed))
    if job.phase is not Phase.COMPLETED:
        return _failed(job)
    answer = await _content(job, service, settings, caller)
    answer.headers.update(replay_headers(replayed))
    return answer


def _failed(job: Job) -> Response:
    assert job.failure is not None, "a job that has ended is completed or says why not"
    status = Cancelled.status if job.failure.code == Cancelled.code else GenerationError.status
    return problem(status, job.failure.code, job.failure.message, headers={VIDEO_ID: job.id})


async def _content(job: Job, service: VideoService, settings: Settings, caller: Caller) -> Response:
    artifact = await service.artifact(job.id, caller, "video")
    headers = job_headers(job, settings) | {VIDEO_ID: job.id, "content-length": str(artifact.size_bytes)}
    if job.measured is not None:
        headers["x-inference-time-s"] = f"{inference_time_s(job.measured):.3f}"
    chunks = await opened(service.read(artifact))
    return StreamingResponse(chunks, headers=headers, media_type=artifact.content_type)


async def _ended(
    request: Request, service: VideoService, job: Job, caller: Caller, timeout_s: float, cancels: bool
) -> Job:
    """The job once it has ended. When the client goes away first, it is cancelled, if it may be. Raises TimedOut."""
    waiting = asyncio.ensure_future(service.wait(job.id, caller, timeout_s))
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        raise Cancelled("The client went away.")
    finally:  # the server may also say that the client is gone by cancelling us
        gone = not waiting.done()
        waiting.cancel()
        leaving.cancel()
        if gone and cancels:
            with anyio.CancelScope(shield=True):
                await service.cancel(job.id, caller)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
