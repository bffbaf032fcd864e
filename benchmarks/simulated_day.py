"""A simulated day of a thousand GPUs and a million jobs: what it costs, by `kinoray simulate load`'s own code.

Three classes of fifty tenants, jobs of 4 to 16 steps of Wan 2.1 14B on H100s (`docs/step-times/h100.json`), one job a
replica: the replicas are busy for about 0.7 of the day. A run that takes longer than it may ends its load there, makes
what it has accepted, and says how far it came.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from app.simulate.load.command import Asked, planned
from app.simulate.load.figures import figures_of
from app.simulate.load.simulation import Simulation
from app.simulate.load.traffic import Arrival, drawn
from benchmarks.figures import at_most

MIX: Final = """
family: wan2.1-t2v-14b
kinds:
- {name: previews, share: 6, steps: 4, size: 832x480, frames: 81, priority: high, tenants: 50}
- {name: standard, share: 3, steps: 8, size: 832x480, frames: 81, priority: normal, tenants: 50}
- {name: premium, share: 1, steps: 16, size: 832x480, frames: 81, priority: low, tenants: 50}
"""
STEP_TIMES: Final = Path(__file__).parents[1] / "docs" / "step-times" / "h100.json"
REPLICAS, RATE = 1000, "1M/day"
DAY_S: Final = 86_400.0
TARGET_S: Final = 600.0
PARTS: Final = (0.01, 0.1, 1.0)  # of the day: what a job costs must not grow with how long it lasts


def measure(quick: bool, minutes: float, console: Console) -> dict[str, Any]:
    """Parts of the day and the whole; none takes longer than so many minutes, but for what it has accepted by then."""
    rows = []
    for part in PARTS[:1] if quick else PARTS:
        rows.append(_ran(part * DAY_S, 60.0 * minutes))
        console.print(rows[-1])
    figures: dict[str, Any] = {"rate": RATE, "replicas": REPLICAS, "runs": rows}
    whole = rows[-1]
    if whole["asked_until_s"] == DAY_S:
        figures["day_s"] = at_most(whole["processor_s"], TARGET_S)
    return figures


def _ran(seconds: float, most_s: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        mix = Path(folder) / "mix.yaml"
        mix.write_text(MIX)
        asked = Asked(STEP_TIMES, [f"main={REPLICAS}"], RATE, mix, length=f"{seconds}s", slots=1, max_batch=1)
        plan = planned(asked)
    until = [seconds]
    arrivals = drawn(plan.kinds, plan.rate, seconds, plan.seed)
    began, wall = time.process_time(), time.monotonic()
    ran = Simulation(plan.fleet, plan.kinds, seconds, plan.seed).run(
        _while_there_is_time(arrivals, wall + most_s, until)
    )
    took_s, wall_s = time.process_time() - began, time.monotonic() - wall
    told = figures_of(ran, None)
    return {
        "asked_until_s": round(until[0], 1),
        "jobs": len(ran.outcomes),
        "completed": told.all.completed,
        "utilisation": round(sum(ran.busy_s.values()) / (REPLICAS * until[0]), 3),
        "wait_p95_s": told.all.wait.p95,
        "passes": ran.passes,
        "events": ran.events,
        "processor_s": round(took_s, 1),
        "wall_s": round(wall_s, 1),
        "ms_a_job": round(1000 * took_s / len(ran.outcomes), 3),
        "memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _while_there_is_time(arrivals: Iterator[Arrival], deadline: float, until: list[float]) -> Iterator[Arrival]:
    """The requests, until the time is over; `until` says when that was, in seconds of the day."""
    for one in arrivals:
        if time.monotonic() > deadline:
            until[0] = one.at
            return
        yield one
