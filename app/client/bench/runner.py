"""Runs jobs against a service and keeps what each came to: so many at once, the first few not counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.client.bench.run_config import RunConfig
from app.client.client import Kinoray
from app.client.errors import BAD_URL, UNREACHABLE, KinorayClientError
from app.client.generate import Interrupted
from app.client.records import Video
from app.client.report import VideoReport

FATAL = (401, 403)  # what would be answered to every job


@dataclass(frozen=True, slots=True)
class Ran:
    """One job: seconds from asking to its end as the client sees it; `failure` is a code, None of a video."""

    latency_s: float
    failure: str | None = None
    cost: float = 0.0
    device_seconds: float = 0.0
    hit: bool = False
    report: VideoReport | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """All jobs of a run that count, and the seconds that they took together."""

    config: RunConfig
    jobs: tuple[Ran, ...]
    wall_s: float


async def run(client: Kinoray, config: RunConfig, done: Callable[[], object] = lambda: None) -> Run:
    """Warm up, then run the jobs; `done` is called after each that counts.

    Raises:
        KinorayClientError: the server cannot be reached or takes nothing from this caller.
        Interrupted: the person called it off; what is under way goes on.
    """
    try:
        await _together(client, config, config.warmup, lambda: None, first=config.n)
        began = time.monotonic()
        jobs = await _together(client, config, config.n, done)
        return Run(config, tuple(jobs), time.monotonic() - began)
    except asyncio.CancelledError:
        raise Interrupted("Interrupted; videos under way go on.") from None


async def _together(
    client: Kinoray, config: RunConfig, count: int, done: Callable[[], object], first: int = 0
) -> list[Ran]:
    """So many jobs, at most `concurrency` under way; prompts in turn, from the `first` on."""
    left, ran = iter(range(first, first + count)), list[Ran]()

    async def work() -> None:
        for number in left:
            ran.append(await _one(client, config, config.prompts[number % len(config.prompts)]))
            done()

    workers = [asyncio.ensure_future(work()) for _ in range(min(config.concurrency, count))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
    return ran


async def _one(client: Kinoray, config: RunConfig, prompt: str) -> Ran:
    began = time.monotonic()
    try:
        video = await client.create(prompt, **config.options())
        if not video.ended:
            video = await client.wait(video.id)
        took_s = time.monotonic() - began
        return _ran(video, took_s, await client.report(video.id))
    except KinorayClientError as failure:
        if failure.status in FATAL or (failure.status == 0 and failure.code in (UNREACHABLE, BAD_URL)):
            raise
        return Ran(time.monotonic() - began, failure.code)


def _ran(video: Video, took_s: float, report: VideoReport) -> Ran:
    code = None if video.status == "completed" else video.error.code if video.error else "unknown"
    return Ran(took_s, code, video.cost, video.device_seconds, video.cache.hit, report)
