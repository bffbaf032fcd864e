"""How long an urgent preview waits in the served Kinoray beside long jobs, in their steps."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from rich.console import Console

from app.client.client import Kinoray
from app.client.records import VideoEvent
from benchmarks.figures import at_most, spread

TARGET_STEPS = 1.2
LONG_STEPS = 100
WISH: dict[str, Any] = {"tier": "preview", "priority": "high", "cache": {"mode": "off"}}


async def measure(client: Kinoray, slots: int, tries: int, console: Console) -> dict[str, Any]:
    """Beside one long job, and beside as many as there are slots."""
    alone_s = [await _first_step_s(client, seed) for seed in range(tries + 1)][1:]
    figures = {
        "beside_one": await _beside(client, 1, alone_s, tries),
        "all_slots_taken": await _beside(client, slots, alone_s, tries),
    }
    console.print(f"[dim]urgent, served: {figures}[/dim]")
    return figures


async def _beside(client: Kinoray, company: int, alone_s: list[float], tries: int) -> dict[str, Any]:
    """Median seconds to the first step, less those of a service without other jobs, ÷ a long job's step."""
    took_s, steps_s = [], []
    for seed in range(tries):
        async with _long_jobs(client, company) as step_s:
            steps_s.append(step_s)
            took_s.append(await _first_step_s(client, seed))
    extra_s, step_s = statistics.median(took_s) - statistics.median(alone_s), statistics.median(steps_s)
    return at_most(
        extra_s / step_s,
        TARGET_STEPS,
        first_step_s=spread(took_s),
        first_step_alone_s=spread(alone_s),
        long_job_step_ms=round(1000 * step_s, 1),
    )


async def _first_step_s(client: Kinoray, seed: int) -> float:
    """From the POST until the preview's first step is heard of; returns when it has ended."""
    began, first = time.perf_counter(), 0.0
    video = await client.create("a white star spins on black", seed=seed, **WISH)
    async with aclosing(client.events(video.id)) as events:
        async for event in events:
            if event.kind == "step" and not first:
                first = time.perf_counter() - began
    if not first:
        raise RuntimeError(f"an urgent job took no step: {(await client.retrieve(video.id)).error}")
    return first


@asynccontextmanager
async def _long_jobs(client: Kinoray, count: int) -> AsyncIterator[float]:
    """So many long jobs, all stepping, until the block ends; gives the seconds between two steps of the last one."""
    videos = [
        await client.create(f"a red ball {number}", steps=LONG_STEPS, seed=-1, cache={"mode": "off"})
        for number in range(count)
    ]
    try:
        steps_s = await asyncio.gather(*(_stepping(client, video.id) for video in videos))
        yield steps_s[-1]
    finally:
        for video in videos:
            await client.cancel(video.id)
            await client.wait(video.id)


async def _stepping(client: Kinoray, video_id: str) -> float:
    """Seconds between two steps of a job, as its first reports tell."""
    heard: list[tuple[int, float]] = []
    async with aclosing(client.events(video_id)) as events:
        async for event in events:
            if event.kind == "step":
                heard.append((_step(event), time.perf_counter()))
            if len(heard) == 4:
                break
    (first, began), (last, ended) = heard[1], heard[-1]  # the first may be told again, and so late
    return (ended - began) / max(1, last - first)


def _step(event: VideoEvent) -> int:
    return int(event.data["step"])
