"""Load on a device that these cores are not: forwards sleep by a GPU's batch law, beside the batcher alone on that law.

The real Router, dispatcher, engine, finisher and Redis under the same arrivals as `service_load`: what is more than the
batcher's own latency is what the service costs, not what the denoiser takes from it on two cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console

from app.client.client import Kinoray
from app.line.batcher import Rules
from app.settings import Settings
from benchmarks import ceiling
from benchmarks.figures import at_most, percentile, spread
from benchmarks.jobs import FRAMES, Job, mixed
from benchmarks.service_load import LOAD, arriving, asks_of, moments, share_within

STEP_S: Final = 0.1
FURTHER: Final = 0.3
"""What each further job of a forward adds to it, as a share of a step: between a small model, whose forwards a GPU does
together in the time of one, and one that fills it by itself."""
ARGS: Final[dict[str, Any]] = {"pretend_step_s": STEP_S, "pretend_further_share": FURTHER}
MOST: Final = 1.1
WARM = 3


async def measure(url: str, settings: Settings, jobs: int, console: Console) -> dict[str, Any]:
    """Jobs of three shapes and of one that come at random, at four fifths of what a device without batches can do."""
    async with Kinoray(url, timeout_s=60) as client:
        for job in mixed(WARM, seed=3):
            await asks_of(client)(job)
        return {
            name: await _beside_ceiling(client, settings, mixed(jobs, seed=2, frames=frames), console)
            for name, frames in (("three_shapes", FRAMES), ("one_shape", FRAMES[-1:]))
        }


async def _beside_ceiling(
    client: Kinoray, settings: Settings, stream: Sequence[Job], console: Console
) -> dict[str, Any]:
    alone_s = STEP_S * sum(job.steps for job in stream) / len(stream)
    gap_s = alone_s / LOAD
    took = await arriving(asks_of(client), stream, gap_s)
    rules = Rules(max_batch=settings.max_batch, slots=settings.slots)
    least = ceiling.played(stream, moments(len(stream), gap_s), ceiling.law(STEP_S, FURTHER, settings.max_batch), rules)
    figures = {
        "jobs": len(stream),
        "mean_gap_s": round(gap_s, 3),
        "p95_over_ceiling": at_most(percentile(took, 0.95) / percentile(least, 0.95), MOST),
        "p50_over_ceiling": round(percentile(took, 0.5) / percentile(least, 0.5), 3),
        "within_3_times_alone": round(share_within(took, stream, lambda job: STEP_S * job.steps), 3),
        "served_s": spread(took),
        "ceiling_s": spread(least),
    }
    console.print(f"[dim]asleep: {figures}[/dim]")
    return figures
