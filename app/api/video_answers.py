"""Jobs come in, as the service gives them; the Video objects of an answer go out, and its headers."""

from __future__ import annotations

import time
from collections.abc import Awaitable

from starlette.requests import Request
from starlette.responses import Response

from app.api.requests.idempotency import replay_headers
from app.api.responses import Video, job_headers, video_object
from app.errors import StoreUnavailable
from app.service.acceptance import Accepted
from app.service.outlook import Outlook
from app.service.videos import VideoService
from app.settings import Settings
from app.telemetry import Stages
from app.types import Job


async def video_of(job: Job, service: VideoService, settings: Settings, base: str) -> Video:
    """The Video object of a job as it is now; `base` as in `video_object`."""
    try:
        outlook = await service.outlook(job)
    except StoreUnavailable:  # the job is recorded all the same, and must not be taken for refused
        outlook = Outlook(None, job.eta_s)
    return video_object(job, outlook, settings, base, time.time())


async def accepted_video(
    request: Request,
    accepting: Awaitable[Accepted],
    service: VideoService,
    settings: Settings,
    base: str,
    stages: Stages | None = None,
) -> Response:
    """The answer with the Video object of the job that is being accepted; headers tell how long that and `stages` took.

    It is written here: the framework would check our own object once more, field by field.
    """
    began = time.perf_counter()
    job, replayed = await accepting
    request.state.resource = job.id
    took_s = (stages.took_s if stages else {}) | {"accept": time.perf_counter() - began}
    headers = job_headers(job, settings, **took_s) | replay_headers(replayed)
    video = await video_of(job, service, settings, base)
    return Response(video.model_dump_json(), headers=headers, media_type="application/json")
