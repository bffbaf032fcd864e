"""Kinoray under load beside a bare pipeline, a locked server and a padding batch: throughput, latency, fairness."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import accumulate, product
from random import Random
from typing import Any

import anyio
import httpx
from ray import serve
from rich.console import Console

from app.client.client import Kinoray
from app.engine.timing.step_times import Times
from app.line.batcher import Rules
from benchmarks import ceiling, served_urgency
from benchmarks.figures import at_least, at_most, percentile, spread
from benchmarks.jobs import FRAMES, LEAST_STEPS, MOST_STEPS, Job, mixed
from benchmarks.rivals import Pipeline, padded
from cluster.local import LocalService
from tests.ports import free_port

Ask = Callable[[Job], Awaitable[None]]
LOAD = 0.8  # of the bare pipeline's capacity
TIMES = 3.0  # a job should be done within so many times its standalone time
MOST_P95, LEAST_WITHIN = {"three_shapes": 0.6, "one_shape": 0.45}, 0.95  # targets
LEAST_TIMES = {"bare": 1.6, "locked": 1.5, "padded": 1.4}


async def measure(
    service: LocalService, jobs: int, arrivals: int, tries: int, times: Times, console: Console
) -> dict[str, Any]:
    """Throughput with `jobs` at once, latency with `arrivals` spread over time, an urgent job `tries` times.

    `times`: of the undisturbed device, for the ceiling.
    """
    pipeline = Pipeline()
    async with Kinoray(service.url, timeout_s=60) as client, locked_server() as locked:
        asks = {"kinoray": asks_of(client), "bare": _bare(pipeline), "locked": locked}
        for frames, ask in product(FRAMES, asks.values()):
            await ask(Job("a red ball", 4, frames, 0))
        crowd = mixed(jobs, seed=1)
        throughput = await _throughput(service, crowd, asks, console)
        alone_s = await _standalone(asks["kinoray"])
        three, one = mixed(arrivals, seed=2, frames=FRAMES), mixed(arrivals, seed=2)
        three_s = await _all(asks["bare"], three) / len(three)
        one_s = throughput["seconds"]["bare"]["median"] / len(crowd)  # the same mix of jobs
        latency = {
            "three_shapes": await _latency("three_shapes", three, three_s / LOAD, asks, alone_s, times, console),
            "one_shape": await _latency("one_shape", one, one_s / LOAD, asks, alone_s, times, console),
        }
        urgent = await served_urgency.measure(client, service.settings.slots, tries, console)
    pipeline.close()
    return {"throughput": throughput, "latency": latency, "urgent_wait_steps": urgent}


def _bare(pipeline: Pipeline) -> Ask:
    """Whoever asks at once is served one after another."""

    async def ask(job: Job) -> None:
        await asyncio.wrap_future(pipeline.ask([job]))

    return ask


def asks_of(client: Kinoray) -> Ask:
    """Videos of the size that the model makes, as the rivals' are."""

    async def ask(job: Job) -> None:
        video = await client.create(
            job.prompt, steps=job.steps, num_frames=job.frames, seed=job.seed, cache={"mode": "off"}, upscale=1
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
    process = subprocess.Popen(command)
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


async def _all(ask: Ask, jobs: Sequence[Job]) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(ask(job) for job in jobs))
    return time.perf_counter() - began


async def _throughput(
    service: LocalService, jobs: Sequence[Job], asks: Mapping[str, Ask], console: Console
) -> dict[str, Any]:
    """All jobs at once, twice for each system and the second time in reverse order, so that a drift hits them alike."""
    seconds: dict[str, list[float]] = {}
    serve.run(padded(service.settings.max_batch), name="padded", route_prefix="/padded")
    try:
        async with httpx.AsyncClient(base_url=service.url, timeout=600) as http:
            everyone = {**asks, "padded": _posted(http, "/padded/make")}
            await _all(everyone["padded"], [Job("a red ball", 4, FRAMES[-1], 0)] * service.settings.max_batch)
            for name in [*everyone, *reversed(everyone)]:
                seconds.setdefault(name, []).append(await _all(everyone[name], jobs))
    finally:
        serve.delete("padded")
    console.print(f"[dim]throughput: {seconds}[/dim]")
    mine = sum(seconds["kinoray"])
    ratios = {f"times_{name}": at_least(sum(seconds[name]) / mine, least) for name, least in LEAST_TIMES.items()}
    return {"jobs": len(jobs), "seconds": {name: spread(took) for name, took in seconds.items()}, **ratios}


async def _latency(
    name: str,
    stream: Sequence[Job],
    gap_s: float,
    asks: Mapping[str, Ask],
    alone_s: Callable[[Job], float],
    times: Times,
    console: Console,
) -> dict[str, Any]:
    took = {name: await arriving(asks[name], stream, gap_s) for name in ("kinoray", "locked")}
    within = {name: share_within(each, stream, alone_s) for name, each in took.items()}
    p95 = {name: percentile(each, 0.95) for name, each in took.items()}
    figures = {
        "jobs": len(stream),
        "mean_gap_s": round(gap_s, 3),
        "kinoray_s": spread(took["kinoray"]),
        "locked_s": spread(took["locked"]),
        "p95_ratio": at_most(p95["kinoray"] / p95["locked"], MOST_P95[name]),
        "within_3_times_alone": at_least(within["kinoray"], LEAST_WITHIN, locked_server=round(within["locked"], 3)),
        "ceiling": _ceiling(stream, gap_s, times, p95["locked"]),
    }
    console.print(f"[dim]latency: {figures}[/dim]")
    return figures


def _ceiling(stream: Sequence[Job], gap_s: float, times: Times, locked_p95_s: float) -> dict[str, float]:
    """The same stream through the batcher alone, on an undisturbed device."""
    took = ceiling.played(stream, moments(len(stream), gap_s), times, Rules(max_batch=4, slots=8))
    within = share_within(took, stream, ceiling.alone_s(times))
    return {"p95_ratio": round(percentile(took, 0.95) / locked_p95_s, 3), "within_3_times_alone": round(within, 3)}


def moments(count: int, gap_s: float) -> list[float]:
    """When jobs come: at random, the same for every system; seconds from the start."""
    dice = Random(7)
    return list(accumulate(dice.expovariate(1 / gap_s) for _ in range(count)))


def share_within(took: Sequence[float], stream: Sequence[Job], alone_s: Callable[[Job], float]) -> float:
    """Share of jobs that took at most so many times as long as alone in Kinoray."""
    return sum(each <= TIMES * alone_s(job) for each, job in zip(took, stream, strict=True)) / len(stream)


async def _standalone(ask: Ask) -> Callable[[Job], float]:
    """Seconds that a job takes with the service to itself, by two lengths measured for each number of frames."""
    line: dict[int, tuple[float, float]] = {}
    for frames in FRAMES:
        ends = (Job("a blue star spins", steps, frames, 5) for steps in (LEAST_STEPS, MOST_STEPS))
        short, long = [statistics.median([await _all(ask, [job]) for _ in range(3)]) for job in ends]
        line[frames] = (short, (long - short) / (MOST_STEPS - LEAST_STEPS))
    return lambda job: line[job.frames][0] + (job.steps - LEAST_STEPS) * line[job.frames][1]


async def arriving(ask: Ask, stream: Sequence[Job], gap_s: float) -> list[float]:
    """Seconds each job took when they come at random moments, the same for every system."""
    loop = asyncio.get_running_loop()
    began, tasks = loop.time(), []
    for job, at in zip(stream, moments(len(stream), gap_s), strict=True):
        await asyncio.sleep(max(0.0, began + at - loop.time()))
        tasks.append(asyncio.ensure_future(_all(ask, [job])))
    return list(await asyncio.gather(*tasks))
