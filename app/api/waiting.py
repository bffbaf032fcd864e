"""A request that waits for its jobs: all of them ended, or the client gone and they with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import Response

from app.api.problems import problem
from app.api.responses import VIDEO_ID
from app.errors import Cancelled, GenerationError, JobNotFound
from app.service.videos import VideoService
from app.types import Caller, Job


async def ended(
    request: Request, service: VideoService, jobs: Sequence[Job], caller: Caller, timeout_s: float, cancels: bool
) -> list[Job]:
    """The jobs once all have ended. When the client goes away first, they are cancelled, if they may be.

    Raises:
        TimedOut: one is still being made after `timeout_s` seconds; all go on.
    """
    each = [asyncio.ensure_future(service.wait(job.id, caller, timeout_s)) for job in jobs]
    waiting = asyncio.gather(*each)
    leaving = asyncio.ensure_future(_left(request))
    try:
        both: set[asyncio.Future[Any]] = {waiting, leaving}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return list(waiting.result())
        raise Cancelled("The client went away.")
    finally:  # the server may also say that the client is gone by cancelling us
        gone = not waiting.done()
        for wait in (*each, leaving):  # when one has raised, the others are still waiting
            wait.cancel()
        if gone and cancels:
            with anyio.CancelScope(shield=True):
                await withdraw(service, jobs, caller)


async def withdraw(service: VideoService, jobs: Sequence[Job], caller: Caller) -> None:
    """Cancel those that have not ended, and are still there."""
    for job in jobs:
        with suppress(JobNotFound):
            await service.cancel(job.id, caller)


def failed(job: Job) -> Response:
    """The error that answers for a job that has ended without being completed."""
    assert job.failure is not None, "a job that has ended is completed or says why not"
    status = Cancelled.status if job.failure.code == Cancelled.code else GenerationError.status
    return problem(status, job.failure.code, job.failure.message, headers={VIDEO_ID: job.id})


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
