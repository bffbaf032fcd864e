"""How long one tenant's single job takes behind another tenant's five hundred, against the same job alone.

On the real service: Router, line, Dispatcher, engine and batcher are those that serve. In the sleeping arms each
forward SLEEPS as long as a device would take, however many jobs share it; the other arm runs the built-in model here.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, NamedTuple

import anyio
from rich.console import Console

from app.client.client import Kinoray
from benchmarks.figures import at_most, spread

TARGET: Final = 2.0
STEP_S: Final = 0.1
STEPS: Final = 20
KEYS: Final = {"many": "benchmark-key-of-many", "single": "benchmark-key-of-single"}
ARMS: Final[dict[str, dict[str, Any]]] = {
    "sleeping, a slot": {"pretend_step_s": STEP_S, "max_batch": 1, "slots": 1, "max_wait_s": 7200.0},
    "sleeping, 8 slots, batches of 4": {"pretend_step_s": STEP_S, "max_batch": 4, "slots": 8},
    "built-in model, 8 slots, batches of 4": {"max_batch": 4, "slots": 8},
}
SHORT: Final = ("slot", "batches", "model")  # the arms' names on the command line
AT_ONCE = 16
PATIENCE_S = 600.0
PAUSE_S: Final = 0.7  # between two single jobs: they meet the others' at different steps, and are no stream of jobs
_WISH: dict[str, Any] = {"num_inference_steps": STEPS, "budget": STEPS, "num_frames": 9, "cache": {"mode": "off"}}


class Took(NamedTuple):
    """Of one job, in seconds from its POST: until its first step, and until its end; and what it was promised.

    `stages_s` and `waits_s` are those of its report, by name and cause.
    """

    first_s: float
    total_s: float
    promised_s: float
    position: float
    stages_s: Mapping[str, float]
    waits_s: Mapping[str, float]


async def measure(url: str, jobs: int, tries: int, console: Console) -> dict[str, Any]:
    """The single job `tries` times alone, then as often behind `jobs` others."""
    async with Kinoray(url, KEYS["many"], timeout_s=60) as many, Kinoray(url, KEYS["single"], timeout_s=60) as single:
        alone = [await _one(single, seed) for seed in range(tries + 1)][1:]
        await _fill(many, jobs)
        beside = []
        for seed in range(tries):
            await anyio.sleep(PAUSE_S)
            beside.append(await _one(single, 1000 + seed))
        stats = await many.stats()
    ratio = statistics.median(one.total_s for one in beside) / statistics.median(one.total_s for one in alone)
    console.print(f"[dim]beside {stats['tenant']['waiting']} waiting: {[one.total_s for one in beside]}[/dim]")
    return {
        "total_over_alone": at_most(ratio, TARGET),
        "worst_over_alone": round(max(one.total_s for one in beside) / statistics.median(o.total_s for o in alone), 3),
        "alone_s": spread([one.total_s for one in alone]),
        "beside_s": spread([one.total_s for one in beside]),
        "first_step_alone_s": spread([one.first_s for one in alone]),
        "first_step_beside_s": spread([one.first_s for one in beside]),
        "stages_alone_s": _medians([one.stages_s for one in alone]),
        "stages_beside_s": _medians([one.stages_s for one in beside]),
        "waits_beside_s": _medians([one.waits_s for one in beside]),
        "promised_s": spread([one.promised_s for one in beside]),
        "place_when_accepted": spread([one.position for one in beside]),
        "still_waiting_of_the_others": stats["tenant"]["waiting"],
    }


async def _fill(client: Kinoray, jobs: int) -> None:
    """The line of the other tenant; returns once it is being worked on."""
    seats = anyio.CapacityLimiter(AT_ONCE)

    async def ask(number: int) -> None:
        async with seats:
            await client.create(f"job {number}", seed=number, **_WISH)

    async with anyio.create_task_group() as group:
        for number in range(jobs):
            group.start_soon(ask, number)
    while (await client.stats())["tenant"]["running"] == 0:
        await anyio.sleep(0.2)


async def _one(client: Kinoray, seed: int) -> Took:
    began, first_s = time.perf_counter(), 0.0
    video = await client.create("a red ball rolls", seed=seed, **_WISH)
    async with aclosing(client.events(video.id)) as events:
        with anyio.fail_after(PATIENCE_S):
            async for event in events:
                if event.kind == "step" and not first_s:
                    first_s = time.perf_counter() - began
    total_s, ended = time.perf_counter() - began, await client.retrieve(video.id)
    if ended.status != "completed":
        raise RuntimeError(f"the single job ended as {ended.status}: {ended.error}")
    report = await client.report(video.id)
    stages, waits = defaultdict[str, float](float), defaultdict[str, float](float)
    for stage in report.stages:
        stages[stage.name] += stage.duration_s or 0.0
    for wait in report.waits:
        waits[wait.cause] += wait.duration_s or 0.0
    return Took(first_s, total_s, ended.promised_s, float(video.queue_position or 0), stages, waits)


def _medians(some: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each name the median over those jobs; who has none of it had 0 s."""
    names = {name: None for each in some for name in each}
    return {name: round(statistics.median(each.get(name, 0.0) for each in some), 3) for name in names}
