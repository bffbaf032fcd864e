"""Ten times more than can be made, for a minute: who is refused and how, what the accepted wait, and the memory.

The jobs' forwards sleep as long as a device would take, so that two cores do not decide what can be made.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
from rich.console import Console

from app.client.client import Kinoray
from benchmarks.figures import at_most, percentile, spread

STEP_S = 0.1
STEPS = 10
MAX_WAIT_S = 10.0
TIMES = 10
CAPACITY_PER_S = 1 / (STEP_S * STEPS)  # of one replica, one job after another: what admission counts on
PATIENCE_S = 120.0
KNOWN_S = 6.0  # until what a replica has measured reaches those who plan
_WANTED: dict[str, Any] = {"num_inference_steps": STEPS, "budget": STEPS, "num_frames": 9, "cache": {"mode": "off"}}


@dataclass
class Told:
    """What the service answered."""

    accepted: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    answer_s: list[float] = field(default_factory=list)


async def measure(url: str, seconds: float, memory_bytes: Callable[[], int], console: Console) -> dict[str, Any]:
    """Ask steadily for `TIMES` what one job after another allows, then wait for all that was accepted."""
    async with Kinoray(url, timeout_s=60) as client:  # a first one, after which it is known how long a step takes
        first = await client.create("job", **_WANTED)
        await client.wait(first.id, timeout_s=PATIENCE_S)
        await anyio.sleep(KNOWN_S)
    before, told = memory_bytes(), Told()
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as http, anyio.create_task_group() as group:
        until, number = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            group.start_soon(_ask, http, number, told)
            number += 1
            await anyio.sleep(1 / (TIMES * CAPACITY_PER_S))
    after = memory_bytes()
    over_s, ended = [], Counter[str]()
    async with Kinoray(url, timeout_s=60) as client:
        for job_id in told.accepted:
            video = await client.wait(job_id, timeout_s=PATIENCE_S)
            ended[video.status] += 1
            waited_s = float(video.extra["started_at"]) - (video.created_at or 0.0)  # whole seconds, both
            over_s.append(waited_s - (video.promised_s or 0.0))
            console.print(f"[dim]{video.created_at}: promised {video.promised_s}, waited {waited_s}[/dim]")
    console.print(f"[dim]{len(told.accepted)} accepted, {dict(told.refused)}[/dim]")
    return {
        "asked": number,
        "accepted": len(told.accepted),
        "refused": dict(told.refused),
        "accepted_ended": dict(ended),
        "waited_longer_than_promised_s": at_most(percentile(over_s, 1.0), 1.0, **spread(over_s)),
        "answers_s": spread(told.answer_s),
        "memory_gib": {"before": round(before / 2**30, 2), "after": round(after / 2**30, 2)},
    }


async def _ask(http: httpx.AsyncClient, number: int, told: Told) -> None:
    began = time.monotonic()
    answer = await http.post("/v1/videos", json={"prompt": f"job {number}", "seed": number, **_WANTED})
    told.answer_s.append(time.monotonic() - began)
    if answer.status_code == 200:
        told.accepted.append(answer.json()["id"])
    else:
        patient = "with" if int(answer.headers.get("retry-after", "0")) >= 1 else "without"
        told.refused[f"{answer.status_code} {patient} Retry-After"] += 1
