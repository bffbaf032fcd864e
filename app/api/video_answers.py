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
    response: Response,
    service: VideoService,
    settings: Settings,
    base: str,
    stages: Stages | None = None,
) -> Video:
    """The Video object of the job that is being accepted; the headers say how long that took, and its `stages`."""
    began = time.perf_counter()
    job, replayed = await accepting
    request.state.resource = job.id
    took_s = (stages.took_s if stages else {}) | {"accept": time.perf_counter() - began}
    response.headers.update(job_headers(job, settings, **took_s) | replay_headers(replayed))
    return await video_of(job, service, settings, base)
