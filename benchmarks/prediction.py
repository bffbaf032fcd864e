"""How right the predicted time of a job is, on an idle service: predicted before, measured after, job by job."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from rich.console import Console

from app.client.client import Kinoray
from app.client.records import Video
from benchmarks.figures import at_least, spread
from benchmarks.jobs import FRAMES, mixed

WITHIN = 0.15
LEARNED = 7  # jobs of each length, whose median is gone by
REFRESH_S = 8.0  # after which the planner has heard what replicas measured
TIERS = ("preview", "standard", "premium", "ultra")


async def measure(url: str, jobs: int, console: Console) -> dict[str, Any]:
    """Jobs one after another, of all tiers and lengths, after seven of each length that taught the replica its pace."""
    dice = Random(5)
    async with Kinoray(url) as client:
        for frames in FRAMES:
            for job in mixed(LEARNED, seed=12 + frames, frames=(frames,)):
                await _made(client, job.prompt, job.frames, "standard", job.seed)
        await asyncio.sleep(REFRESH_S)
        videos = [
            await _made(client, job.prompt, job.frames, dice.choice(TIERS), job.seed)
            for job in mixed(jobs, seed=11, frames=FRAMES)
        ]
    ratios = [(video.optimization.estimated_seconds or 0.0) / _took(video, "total") for video in videos]
    device = [video.optimization.estimated_device_seconds / video.device_seconds for video in videos]
    console.print(f"[dim]predicted over measured: {[round(ratio, 2) for ratio in ratios]}[/dim]")
    return {
        "jobs": jobs,
        "learned_from": LEARNED * len(FRAMES),
        "share_within_15_percent": at_least(sum(abs(ratio - 1) <= WITHIN for ratio in ratios) / jobs, 0.9),
        "predicted_over_measured": spread(ratios),
        "device_seconds_predicted_over_measured": spread(device),
    }


async def _made(client: Kinoray, prompt: str, frames: int, tier: str, seed: int) -> Video:
    asked = await client.create(prompt, tier=tier, num_frames=frames, seed=seed, cache={"mode": "off"})
    video = await client.wait(asked.id)
    if video.status != "completed":
        raise RuntimeError(f"the job failed: {video.error}")
    return video


def _took(video: Video, stage: str) -> float:
    return float(video.stage_durations[stage])
