"""A request that waits for its jobs: all of them ended, or the client gone and they with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import anyio
from starlette.requests import Request

from app.api.followers import followers_of
from app.errors import JobNotFound, KinorayError, StoreUnavailable
from app.service.videos import VideoService
from app.types import Caller, Job

log = logging.getLogger("kinoray")
PAUSES_S: Final = (0.2, 1.0, 3.0, 10.0, 30.0)  # between tries to cancel, while the store is away


class ClientGone(KinorayError):
    """The client hung up; nobody reads the answer, but logs and figures have its status."""

    status = 499
    code = "client_closed_request"


async def ended(
    request: Request, service: VideoService, jobs: Sequence[Job], caller: Caller, timeout_s: float, cancels: bool
) -> list[Job]:
    """The jobs once all have ended. When the client goes away first, they are cancelled, if they may be.

    Raises:
        TimedOut: one is still being made after `timeout_s` seconds; all go on.
        ClientGone: nobody waits any more.
    """
    each = [asyncio.ensure_future(service.wait(job.id, caller, timeout_s)) for job in jobs]
    waiting = asyncio.gather(*each)
    leaving = asyncio.ensure_future(_left(request))
    try:
        both: set[asyncio.Future[Any]] = {waiting, leaving}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return list(waiting.result())
    finally:
        for wait in (*each, leaving):  # when one has raised, the others are still waiting
            wait.cancel()
    if cancels:
        await withdraw(service, jobs, caller)
    raise ClientGone("The client went away.")


async def looked_until_ended(
    request: Request, service: VideoService, job_id: str, caller: Caller, wait_s: float
) -> Job:
    """The job as soon as it has ended, else as it is after `wait_s` seconds. It goes on, whoever goes away.

    Raises:
        JobNotFound: there is none, or it was deleted meanwhile.
        TooManyFollowers: it is under way, and as many wait here as may.
        ClientGone: nobody waits any more.
    """
    job = await service.get(job_id, caller)
    if job.phase.ended:
        return job
    with followers_of(request).seat():
        waiting = asyncio.ensure_future(service.ended_within(job, caller, wait_s))
        leaving = asyncio.ensure_future(_left(request))
        try:
            both: set[asyncio.Future[Any]] = {waiting, leaving}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
        finally:
            waiting.cancel()
            leaving.cancel()
    raise ClientGone("The client went away.")


async def withdraw(service: VideoService, jobs: Sequence[Job], caller: Caller) -> None:
    """Cancel those that have not ended, and are still there. While the store is away it is tried again for a while."""
    await asyncio.gather(*(_withdraw(service, job, caller) for job in jobs))


async def _withdraw(service: VideoService, job: Job, caller: Caller) -> None:
    for pause_s in (*PAUSES_S, None):
        try:
            with suppress(JobNotFound):
                await service.cancel(job.id, caller)
            return
        except StoreUnavailable as error:
            if pause_s is None:
                log.warning("%s, whose client has left, could not be cancelled: %s", job.id, error)
                return
            await anyio.sleep(pause_s)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
