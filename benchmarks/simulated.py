"""The simulator against the service: the same trace, served by a real Kinoray and simulated; how far they are apart.

The denoiser sleeps as long as a device would take, so that these cores do not decide what can be made. The simulated
trace is the one that the service exports, and the step times are those that its replicas say of themselves.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final

import anyio
from rich.console import Console

from app.client.client import Kinoray
from app.simulate.load.command import Asked, planned
from app.simulate.load.figures import spread

REPLICAS: Final = 2
STEP_S: Final = 0.5
ARGS: Final[dict[str, Any]] = {"pretend_step_s": STEP_S, "max_batch": 1, "slots": 1, "max_wait_s": 3600.0}
STEPS: Final = (8, 16, 32)
SHARES: Final = (5, 3, 2)
PRIORITIES: Final = ("normal", "normal", "normal", "high", "low")
AT_WORK: Final = 0.8  # of what the replicas can do is asked for
LEAST, MOST = 0.9, 1.1
LOTS: Final = 15
PATIENCE_S = 300.0


async def measure(url: str, jobs: int, folder: Path, console: Console) -> dict[str, Any]:
    """`jobs` requests at random times, and the same again on virtual time."""
    async with Kinoray(url, timeout_s=60) as client:
        for steps in STEPS:  # every part is warm, and the replicas know what a job takes
            await _ask(client, -steps, steps, "normal")
        began = time.time()
        ids = await _served(client, jobs)
        for job_id in ids:
            await client.wait(job_id, timeout_s=PATIENCE_S)
        rows = [row for row in (await client.trace())["data"] if row["at"] >= began]
        (folder / "stats.json").write_text(json.dumps(await client.stats(), default=dict))
    lines = [json.dumps(dict(row)) for row in sorted(rows, key=lambda row: row["at"])]
    (folder / "trace.jsonl").write_text("\n".join(lines))
    served, again = figures_of_rows(rows), simulated(folder, REPLICAS)
    console.print(f"[dim]served {served}\nsimulated {again}[/dim]")
    return {"jobs": len(rows), "replicas": REPLICAS, **compared(again, served), "simulated": again, "served": served}


def figures_of_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of a trace: how many an hour, and what they waited and took, by quantile."""
    seconds = max(row["at"] + row["latency_s"] for row in rows) - min(row["at"] for row in rows)
    return {
        "throughput_per_h": round(3600 * len(rows) / seconds, 3),
        "wait": asdict(spread([row["wait_s"] for row in rows])),
        "latency": asdict(spread([row["latency_s"] for row in rows])),
    }


def simulated(folder: Path, replicas: int) -> dict[str, Any]:
    """The same of the trace and the replicas' figures that lie there, on virtual time.

    Which of several idle replicas makes a job is drawn by lot there as here, and with a hundred jobs of several classes
    that moves a quantile by a third: each figure is the median of several lots, which are told, too.
    """
    asked = Asked(
        step_times=folder / "stats.json",
        replicas=[f"main={replicas}"],
        trace=folder / "trace.jsonl",
        slots=ARGS["slots"],
        max_batch=ARGS["max_batch"],
        max_wait="1h",
    )
    lots = [_once(replace(asked, seed=seed)) for seed in range(LOTS)]
    return {
        "throughput_per_h": median(lot["throughput_per_h"] for lot in lots),
        **{
            what: {share: median(lot[what][share] for lot in lots) for share in lots[0][what]}
            for what in ("wait", "latency")
        },
        "latency_p95_of_the_lots": sorted(lot["latency"]["p95"] for lot in lots),
    }


def _once(asked: Asked) -> dict[str, Any]:
    ran, figures = planned(asked).run()
    first, last = min(one.at for one in ran.outcomes), max(one.ended for one in ran.outcomes)
    return {
        "throughput_per_h": round(3600 * len(ran.outcomes) / (last - first), 3),
        "wait": asdict(figures.all.wait),
        "latency": asdict(figures.all.latency),
    }


async def _served(client: Kinoray, jobs: int) -> list[str]:
    dice, ids = Random(22), list[str]()
    mean_s = STEP_S * sum(steps * share for steps, share in zip(STEPS, SHARES, strict=True)) / sum(SHARES)
    for number in range(jobs):
        await anyio.sleep(dice.expovariate(AT_WORK * REPLICAS / mean_s))
        steps = dice.choices(STEPS, SHARES)[0]
        ids.append((await _create(client, number, steps, dice.choice(PRIORITIES))).id)
    return ids


async def _ask(client: Kinoray, number: int, steps: int, priority: str) -> None:
    video = await _create(client, number, steps, priority)
    await client.wait(video.id, timeout_s=PATIENCE_S)


async def _create(client: Kinoray, number: int, steps: int, priority: str) -> Any:
    wish: dict[str, Any] = {
        "priority": priority,
        "steps": steps,
        "budget": steps,
        "num_frames": 9,
        "cache": {"mode": "off"},
    }
    return await client.create(f"a red ball rolls, {number}", seed=abs(number), **wish)


def compared(simulated: dict[str, Any], served: dict[str, Any]) -> dict[str, Any]:
    """Simulated over served, of throughput, P50 and P95."""
    found = {"throughput": simulated["throughput_per_h"] / served["throughput_per_h"]}
    for what in ("latency", "wait"):
        for share in ("p50", "p95"):
            if served[what][share] >= 1.0:  # of less than a second a tenth is the noise of these cores
                found[f"{what}_{share}"] = simulated[what][share] / served[what][share]
    return {
        f"{name}_ratio": {"measured": round(ratio, 3), "target": "0.9 to 1.1", "met": LEAST <= ratio <= MOST}
        for name, ratio in found.items()
    }
