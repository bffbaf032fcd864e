"""What a batch size should have to save: latencies by the batcher's decisions alone, where batches gain much or little.

Nothing is run or slept: `ceiling.played` on invented batch laws, at six and nine tenths of what the largest batches
could do. So it says what the rule costs and nothing of a real device.
"""

from __future__ import annotations

import math
import statistics
from itertools import accumulate, product
from random import Random
from typing import Any, Final

from rich.console import Console

from app.line.batcher import Rules
from app.settings.placement import BATCH_GAIN
from benchmarks import ceiling
from benchmarks.figures import at_most, percentile
from benchmarks.jobs import FRAMES, Job, mixed

GAINS: Final = (0.0, BATCH_GAIN, 0.1, 0.2, 0.3)
FURTHER: Final = (0.3, 0.7, 0.93)  # what a further job adds to a forward, as a share of a step
BATCHES: Final = (4, 8)
LOADS: Final = (0.6, 0.9)  # of what the largest batches could do
SHAPES: Final = {"three shapes": FRAMES, "one shape": FRAMES[-1:]}
STEP_S: Final = 0.1
MOST: Final = 1.05  # of the best gain's mean latency, on average over the cases


def measure(quick: bool, console: Console) -> dict[str, Any]:
    """Mean and P95 of each case by gain; the default's mean beside the best one's."""
    jobs, seeds = (60, (1,)) if quick else (400, (1, 2))
    rows = {}
    for most, further, load, (shapes, frames) in product(BATCHES, FURTHER, LOADS, SHAPES.items()):
        name = f"batches to {most}, {further:g} of a step for each further job, load {load:g}, {shapes}"
        rows[name] = {f"{gain:g}": latencies(most, further, load, frames, gain, jobs, seeds) for gain in GAINS}
        console.print(f"[dim]{name}: {rows[name]}[/dim]")
    return {**{f"mean_over_best_{gain:g}": _over_best(rows, f"{gain:g}") for gain in GAINS}, "cases": rows}


def latencies(
    most: int, further: float, load: float, frames: tuple[int, ...], gain: float, jobs: int, seeds: tuple[int, ...]
) -> dict[str, float]:
    """Seconds from arrival to the last step of jobs that come at random, at a share of what the device can do."""
    rules = Rules(max_batch=most, slots=2 * most, gain=gain)
    times = ceiling.law(STEP_S, further, most)
    each_s = times[(FRAMES[0], *ceiling.SIDES), most] / most
    took = []
    for seed in seeds:
        stream = mixed(jobs, seed=seed, frames=frames)
        took.append(ceiling.played(stream, _moments(stream, each_s / load, seed), times, rules))
    return {
        "mean_s": round(statistics.mean(map(statistics.mean, took)), 2),
        "p95_s": round(statistics.mean(percentile(each, 0.95) for each in took), 2),
    }


def _moments(stream: list[Job], step_s: float, seed: int) -> list[float]:
    """When jobs come, so that the device would be busy all the time if each step took so long."""
    gap_s, dice = step_s * statistics.mean(job.steps for job in stream), Random(seed)
    return list(accumulate(dice.expovariate(1 / gap_s) for _ in stream))


def _over_best(rows: dict[str, dict[str, dict[str, float]]], gain: str) -> dict[str, Any]:
    """Geometric mean over the cases of a gain's mean latency ÷ the best one's; the worst case beside it."""
    ratios = [row[gain]["mean_s"] / min(each["mean_s"] for each in row.values()) for row in rows.values()]
    return at_most(math.exp(statistics.mean(map(math.log, ratios))), MOST, worst=round(max(ratios), 3))
