"""What is lost when everything dies: jobs on a real Kinoray while its processes are killed, one every few seconds."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import anyio
import httpx
from rich.console import Console

from app.client.client import Kinoray
from benchmarks.figures import percentile
from benchmarks.jobs import FRAMES, Job, mixed
from cluster.local import LocalService
from tests.drills.processes import KINDS, pids_of

PAUSE_S = (2.0, 6.0)  # between two kills
PATIENCE_S = 900.0
CHECKPOINT_EVERY = 4
ONE_THREAD = {"GOMP_SPINCOUNT": "3000", "OMP_NUM_THREADS": "1"}  # the environment of replicas that share two cores
LOOK_S = 0.5
_WANTED = {"deterministic": True, "quality_tier": "standard", "cache": {"mode": "off"}}


@dataclass
class Outcome:
    """What became of one job."""

    job_id: str
    status: str
    digest: str  # SHA-256 of the video
    ends: int  # events that say it ended
    attempts: int


@dataclass
class Reads:
    """How reads went meanwhile: seconds of those that were answered, and how often one had to be repeated."""

    took_s: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


async def measure(service: LocalService, jobs: int, kills: int, console: Console) -> dict[str, Any]:
    """The same jobs twice: undisturbed, then under `kills` kills over all kinds of process."""
    wanted = mixed(jobs, seed=21, frames=FRAMES[:1])
    calm, _, calm_s = await _run(service, wanted, None, console)
    reads = Reads()
    killed: list[str] = []
    wild, reads, wild_s = await _run(service, wanted, _Killer(service, kills, killed), console)
    same = sum(before.digest == after.digest for before, after in zip(calm, wild, strict=True))
    return {
        "jobs": jobs,
        "kills": dict(Counter(killed)),
        "completed": {"measured": sum(one.status == "completed" for one in wild), "target": jobs},
        "ended_once": {"measured": sum(one.ends == 1 for one in wild), "target": jobs},
        "same_bits_as_undisturbed": {"measured": same, "target": jobs},
        "attempts": dict(Counter(one.attempts for one in wild)),
        "reads": {
            "answered": len(reads.took_s),
            "p99_s": round(percentile(reads.took_s, 0.99), 3),
            "repeated_because": dict(reads.refused),
        },
        "undisturbed_s": round(calm_s, 1),
        "disturbed_s": round(wild_s, 1),
    }


class _Killer:
    """Kills one process after another until it has killed enough."""

    def __init__(self, service: LocalService, kills: int, killed: list[str]) -> None:
        self._service = service
        self._kills = kills
        self._killed = killed
        self._dice = Random(4)
        self._order = [KINDS[number % len(KINDS)] for number in range(kills)]  # each kind about as often
        self._dice.shuffle(self._order)

    async def __call__(self) -> None:
        while len(self._killed) < self._kills:
            await anyio.sleep(self._dice.uniform(*PAUSE_S))
            kind = self._order[len(self._killed)]
            pids = await anyio.to_thread.run_sync(pids_of, self._service, kind)
            if pids:
                os.kill(self._dice.choice(pids), signal.SIGKILL)
                self._killed.append(kind)


async def _run(
    service: LocalService, wanted: Sequence[Job], killer: _Killer | None, console: Console
) -> tuple[list[Outcome], Reads, float]:
    began, reads = time.monotonic(), Reads()
    ids: dict[int, str] = {}
    async with httpx.AsyncClient(base_url=service.url, timeout=10) as http, anyio.create_task_group() as group:
        for number, job in enumerate(wanted):
            group.start_soon(_ask, http, number, job, ids)
        if killer is not None:
            group.start_soon(killer)
        with anyio.fail_after(PATIENCE_S):
            while not await _all_ended(http, wanted, ids, reads):
                await anyio.sleep(LOOK_S)
    took_s = time.monotonic() - began
    async with Kinoray(service.url, retries=20) as client:
        outcomes = [await _outcome(client, ids[number]) for number in range(len(wanted))]
    console.print(f"[dim]{len(wanted)} jobs in {took_s:.0f} s: {Counter(one.status for one in outcomes)}[/dim]")
    return outcomes, reads, took_s


async def _ask(http: httpx.AsyncClient, number: int, job: Job, ids: dict[int, str]) -> None:
    """Ask until it is accepted, as a client does that cannot know whether a broken answer was a yes."""
    body = {"prompt": job.prompt, "num_inference_steps": job.steps, "seed": job.seed, **_WANTED}
    key = f"chaos-{id(ids)}-{number}"
    while number not in ids:
        try:
            answer = await http.post("/v1/videos", json=body, headers={"Idempotency-Key": key})
        except httpx.HTTPError:
            await anyio.sleep(0.5)
            continue
        if answer.status_code == 200:
            ids[number] = answer.json()["id"]
        elif answer.status_code in (429, 500, 502, 503, 504):
            await anyio.sleep(0.5)
        else:
            raise RuntimeError(f"refused: {answer.status_code} {answer.text[:300]}")


async def _all_ended(http: httpx.AsyncClient, wanted: Sequence[Job], ids: dict[int, str], reads: Reads) -> bool:
    """One look at every job of which the answer has come; the first that has not ended is enough."""
    if len(ids) < len(wanted):
        return False
    for job_id in ids.values():
        began = time.monotonic()
        try:
            answer = await http.get(f"/v1/videos/{job_id}")
        except httpx.HTTPError as error:
            reads.refused[type(error).__name__] += 1
            return False
        if answer.status_code != 200:
            reads.refused[str(answer.status_code)] += 1
            return False
        reads.took_s.append(time.monotonic() - began)
        if answer.json()["status"] not in ("completed", "failed"):
            return False
    return True


async def _outcome(client: Kinoray, job_id: str) -> Outcome:
    video = await client.retrieve(job_id)
    ends = 0
    async for event in client.events(job_id):
        ends += event.kind == "end"
    content = await client.content(job_id) if video.status == "completed" else b""
    return Outcome(job_id, video.status, hashlib.sha256(content).hexdigest(), ends, video.attempts)
