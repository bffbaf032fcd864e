"""The main job measured: a served video against a bare WanPipeline making the same one, and exact repeats over HTTP."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

from rich.console import Console

from app.client.client import Kinoray
from benchmarks.figures import percentile
from benchmarks.jobs import Job
from benchmarks.rivals import Pipeline

PROMPT = "a large crimson ball bounces on a sand background"
SEED = 11
STEPS = 25  # asked for by number, so that every step is an evaluation, as in the bare pipeline


def bare(pipeline: Pipeline, job: Job) -> float:
    """Seconds of one video made with diffusers alone, prompt encoding included."""
    started = time.perf_counter()
    pipeline.make([job])
    return time.perf_counter() - started


async def served(client: Kinoray) -> tuple[float, dict[str, Any]]:
    """Seconds from POST to the end event for one video with no help from the result cache, and its stages."""
    started = time.perf_counter()
    video = await client.create(PROMPT, num_inference_steps=STEPS, seed=SEED, cache={"mode": "off"})
    video = await client.wait(video.id)
    seconds = time.perf_counter() - started
    if video.status != "completed":
        raise RuntimeError(f"the job failed: {video.error}")
    return seconds, dict(video.stage_durations)


async def repeats(client: Kinoray, count: int) -> dict[str, float]:
    """Milliseconds of exact repeats, one after another."""
    prompt = "a small blue star spins on a night blue background"
    await client.wait((await client.create(prompt, tier="preview")).id)
    times = []
    for _ in range(count):
        started = time.perf_counter()
        video = await client.create(prompt, tier="preview")
        times.append(1000 * (time.perf_counter() - started))
        if not video.cache.hit:
            raise RuntimeError("a repeat was not answered from the cache")
    return {
        "p50_ms": round(statistics.median(times), 2),
        "p99_ms": round(percentile(times, 0.99), 2),
        "count": count,
    }


async def measure(url: str, runs: int, repeat_count: int, console: Console) -> dict[str, Any]:
    """All figures of this page; served and bare jobs take turns, so that a noisy machine is noisy for both."""
    async with Kinoray(url) as client:
        plan = (await client.create(PROMPT, num_inference_steps=STEPS, seed=SEED)).id
        first = await client.wait(plan)
        steps = int(first.optimization.steps or 0)
        pipeline, job = Pipeline(), Job(PROMPT, steps, int(first.extra["num_frames"]), SEED)
        bare(pipeline, job)
        pairs = []
        for index in range(runs):
            bare_s = await asyncio.to_thread(bare, pipeline, job)
            served_s, stages = await served(client)
            pairs.append((served_s, bare_s, stages))
            console.print(f"[dim]pair {index + 1}: served {served_s:.2f} s, bare {bare_s:.2f} s[/dim]")
        ratios = sorted(one / other for one, other, _ in pairs)
        return {
            "one_job": {
                "steps": steps,
                "size": first.size,
                "frames": first.extra["num_frames"],
                "served_s": round(statistics.median(pair[0] for pair in pairs), 3),
                "bare_pipeline_s": round(statistics.median(pair[1] for pair in pairs), 3),
                "ratio": round(statistics.median(ratios), 3),
                "ratio_range": [round(ratios[0], 3), round(ratios[-1], 3)],
                "pairs": runs,
                "stages_s": pairs[-1][2],
            },
            "exact_repeat": await repeats(client, repeat_count),
        }
