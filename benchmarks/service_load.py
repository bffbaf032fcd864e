"""Kinoray under load beside a bare pipeline, a locked server and a padding batch: throughput, latency, fairness."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import anyio
import httpx
from ray import serve
from rich.console import Console

from app.client.client import Kinoray
from benchmarks.figures import at_least, at_most, percentile, spread
from benchmarks.jobs import FRAMES, Job, mixed
from benchmarks.machine import free_port
from benchmarks.rivals import Pipeline, padded
from cluster.local import LocalService

Ask = Callable[[Job], Awaitable[None]]
LOAD = 0.8  # of the bare pipeline's capacity
TIMES = 3.0  # a job should be done within so many times its standalone time


async def measure(service: LocalService, jobs: int, arrivals: int, console: Console) -> dict[str, Any]:
    """Throughput with `jobs` at once, then latency with `arrivals` spread over time."""
    pipeline = Pipeline()
    async with Kinoray(service.url, timeout_s=60) as client, locked_server() as locked:
        ask = _kinoray(client)
        crowd = mixed(jobs, seed=1)
        await _warm(ask, locked, pipeline)
        throughput = await _throughput(service, crowd, ask, locked, pipeline, console)
        streams = {"one_shape": mixed(arrivals, seed=2), "three_shapes": mixed(arrivals, seed=2, frames=FRAMES)}
        latency = {name: await _latency(stream, ask, locked, pipeline, console) for name, stream in streams.items()}
        wait = await _urgent(client, console)
    return {"throughput": throughput, "latency": latency, "urgent_served": wait}


def _kinoray(client: Kinoray) -> Ask:
    async def ask(job: Job) -> None:
        video = await client.create(
            job.prompt, steps=job.steps, num_frames=job.frames, seed=job.seed, cache={"mode": "off"}
        )
        video = await client.wait(video.id)
        if video.status != "completed":
            raise RuntimeError(f"a job failed: {video.error}")

    return ask


def _posted(http: httpx.AsyncClient, path: str) -> Ask:
    async def ask(job: Job) -> None:
        wish = {"prompt": job.prompt, "steps": job.steps, "frames": job.frames, "seed": job.seed}
        (await http.post(path, json=wish)).raise_for_status()

    return ask


@asynccontextmanager
async def locked_server() -> AsyncIterator[Ask]:
    """The locked server as a process of its own, until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.rivals", str(port)]
    process = subprocess.Popen(command, env={**os.environ, "GOMP_SPINCOUNT": "3000"})
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=600) as http:
            with anyio.fail_after(90):
                while True:
                    try:
                        (await http.get("/health")).raise_for_status()
                        break
                    except httpx.HTTPError:
                        await anyio.sleep(0.3)
            yield _posted(http, "/make")
    finally:
        process.terminate()
        process.wait(20)


async def _warm(ask: Ask, locked: Ask, pipeline: Pipeline) -> None:
    for frames in FRAMES:
        job = Job("a red ball", 4, frames, 0)
        await ask(job)
        await locked(job)
        await asyncio.to_thread(pipeline.make, [job])


async def _all(ask: Ask, jobs: Sequence[Job]) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(ask(job) for job in jobs))
    return time.perf_counter() - began


async def _bare(pipeline: Pipeline, jobs: Sequence[Job]) -> float:
    began = time.perf_counter()
    for job in jobs:
        await asyncio.to_thread(pipeline.make, [job])
    return time.perf_counter() - began


async def _throughput(
    service: LocalService, jobs: Sequence[Job], ask: Ask, locked: Ask, pipeline: Pipeline, console: Console
) -> dict[str, Any]:
    bare_s = await _bare(pipeline, jobs)
    ours_s = await _all(ask, jobs)
    locked_s = await _all(locked, jobs)
    serve.run(padded(max_batch=4), name="padded", route_prefix="/padded")
    try:
        async with httpx.AsyncClient(base_url=service.url, timeout=600) as http:
            batched = _posted(http, "/padded/make")
            await batched(Job("a red ball", 4, FRAMES[-1], 0))
            padded_s = await _all(batched, jobs)
    finally:
        serve.delete("padded")
    again_s = await _all(ask, jobs)
    seconds = {"kinoray": [ours_s, again_s], "bare": bare_s, "locked": locked_s, "padded": padded_s}
    console.print(f"[dim]throughput: {seconds}[/dim]")
    mine = (ours_s + again_s) / 2
    return {
        "jobs": len(jobs),
        "seconds": seconds,
        "times_bare_pipeline": at_least(bare_s / mine, 1.5),
        "times_locked_server": at_least(locked_s / mine, 1.5),
        "times_padded_batch": at_least(padded_s / mine, 1.4),
    }


async def _latency(
    stream: Sequence[Job], ask: Ask, locked: Ask, pipeline: Pipeline, console: Console
) -> dict[str, Any]:
    alone_s = await _standalone(ask)
    bare_s = await _bare(pipeline, stream)
    gap_s = bare_s / len(stream) / LOAD
    ours, rival = await _arriving(ask, stream, gap_s), await _arriving(locked, stream, gap_s)
    times = [took / alone_s(job) for took, job in zip(ours, stream, strict=True)]
    rival_times = [took / alone_s(job) for took, job in zip(rival, stream, strict=True)]
    console.print(f"[dim]latency: ours {spread(ours)}, locked {spread(rival)}[/dim]")
    return {
        "jobs": len(stream),
        "mean_gap_s": round(gap_s, 3),
        "kinoray_s": spread(ours),
        "locked_s": spread(rival),
        "p95_ratio": at_most(percentile(ours, 0.95) / percentile(rival, 0.95), 0.6),
        "within_3_times_alone": at_least(
            sum(each <= TIMES for each in times) / len(times),
            0.95,
            locked_server=round(sum(each <= TIMES for each in rival_times) / len(times), 3),
        ),
    }


async def _standalone(ask: Ask) -> Callable[[Job], float]:
    """Seconds that a job takes with the service to itself, by two lengths measured for each number of frames."""
    line: dict[int, tuple[float, float]] = {}
    for frames in FRAMES:
        short, long = [await _all(ask, [Job("a blue star spins", steps, frames, 5)]) for steps in (15, 45)]
        line[frames] = (short, (long - short) / 30)
    return lambda job: line[job.frames][0] + (job.steps - 15) * line[job.frames][1]


async def _arriving(ask: Ask, stream: Sequence[Job], gap_s: float) -> list[float]:
    """Seconds each job took when they come at random moments, the same for every system."""
    dice = Random(7)
    loop = asyncio.get_running_loop()
    began, at, tasks = loop.time(), 0.0, []
    for job in stream:
        at += dice.expovariate(1 / gap_s)
        await asyncio.sleep(max(0.0, began + at - loop.time()))
        tasks.append(asyncio.ensure_future(_all(ask, [job])))
    return list(await asyncio.gather(*tasks))


async def _urgent(client: Kinoray, console: Console) -> dict[str, Any]:
    """A preview of high priority beside eight long jobs of low priority: served seconds, and alone."""
    wish: dict[str, Any] = {"tier": "preview", "seed": 3, "cache": {"mode": "off"}}
    alone_s = await _timed(client, wish)
    long = [await client.create(f"a red ball {number}", steps=100, seed=-1, priority="low") for number in range(8)]
    async for event in client.events(long[-1].id):
        if event.kind == "step":
            break
    beside_s = await _timed(client, {**wish, "priority": "high"})
    for video in long:
        await client.cancel(video.id)
    console.print(f"[dim]urgent: {beside_s:.2f} s beside eight long jobs, {alone_s:.2f} s alone[/dim]")
    return {"alone_s": round(alone_s, 3), "beside_eight_long_jobs_s": round(beside_s, 3)}


async def _timed(client: Kinoray, wish: dict[str, Any]) -> float:
    began = time.perf_counter()
    await client.wait((await client.create("a white star spins on black", **wish)).id)
    return time.perf_counter() - began
