"""What a death costs: steps done twice, seconds until the job steps again, and the gap in dispatching.

The jobs' forwards sleep as long as a device would take, so that two cores are not what is measured.
"""

from __future__ import annotations

import os
import signal
import statistics
import time
from random import Random
from typing import Any

import anyio
import httpx
from anyio import to_thread
from ray.util.state import list_actors
from rich.console import Console

from app.client.client import Kinoray
from benchmarks.figures import at_most, spread
from cluster.local import LocalService
from tests.drills.processes import pids_of

STEP_S = 0.3  # longer than the time between two reports, so that every step is told
STEPS = 40
CHECKPOINT_EVERY = 4
PATIENCE_S = 120.0
READ_EVERY_S = 0.1
_WANTED: dict[str, Any] = {"deterministic": True, "cache": {"mode": "off"}}


async def measure(service: LocalService, kills: int, console: Console) -> dict[str, Any]:
    """`kills` of the replica that runs a job, while another is warm; then one of the Dispatcher, beside short jobs."""
    dice = Random(3)
    redone: list[int] = []
    again_s: list[float] = []
    for number in range(kills):
        await _two_replicas(service)
        steps, seconds = await _killed_at(service, f"job {number}", dice.randint(6, STEPS - 10))
        console.print(f"[dim]kill {number + 1}: {steps} steps done twice, stepping again after {seconds:.2f} s[/dim]")
        redone.append(steps)
        again_s.append(seconds)
    return {
        "step_s": STEP_S,
        "checkpoint_every": CHECKPOINT_EVERY,
        "steps_redone_mean": at_most(statistics.mean(redone), CHECKPOINT_EVERY / 2 + 1, all=redone),
        "stepping_again_s": at_most(max(again_s), 5.0, **spread(again_s)),
        "dispatcher": await _without_dispatcher(service),
    }


async def _killed_at(service: LocalService, prompt: str, step: int) -> tuple[int, float]:
    """Kill the replica of a job when it has done `step`: steps done twice, and seconds until a new step."""
    async with Kinoray(service.url, timeout_s=30) as client:
        video = await client.create(prompt, steps=STEPS, seed=step, **_WANTED)
        killed_at, reached, new_at = 0.0, 0, 0.0
        with anyio.fail_after(PATIENCE_S):
            async for event in client.events(video.id):
                if event.kind != "step":
                    continue
                if not killed_at:
                    reached = int(event.data["step"])
                    if reached >= step:
                        pid = await to_thread.run_sync(_pid_of_busy, service)
                        reached = max(reached, (await client.retrieve(video.id)).step or 0)
                        os.kill(pid, signal.SIGKILL)
                        killed_at = time.monotonic()
                elif not new_at and int(event.data["step"]) > 0 and time.monotonic() - killed_at > STEP_S:
                    new_at = time.monotonic()
            ended = await client.retrieve(video.id)
        if ended.status != "completed" or ended.resumed_from_step is None:
            raise RuntimeError(f"{video.id} ended as {ended.status} from step {ended.resumed_from_step}")
        return max(0, reached - ended.resumed_from_step), new_at - killed_at


def _pid_of_busy(service: LocalService) -> int:
    """The process of the only Diffuser that runs something."""
    told = httpx.get(f"{service.url}/api/stats", timeout=10).json()["replicas"]
    busy = [row["replica"] for row in told if row["running"]]
    for actor in list_actors(service.dashboard_url, filters=[("state", "=", "ALIVE")], limit=1000):
        if actor.pid and any(name in (actor.name or "") for name in busy):
            return int(actor.pid)
    raise RuntimeError(f"nobody of {told} runs the job")


async def _two_replicas(service: LocalService) -> None:
    """Return when two replicas say that they are there and do nothing."""
    async with httpx.AsyncClient(base_url=service.url, timeout=10) as http:
        with anyio.fail_after(PATIENCE_S):
            while True:
                told = (await http.get("/api/stats")).json()["replicas"]
                if len([row for row in told if not row["running"] and row["silent_s"] < 3]) >= 2:
                    return
                await anyio.sleep(0.5)


async def _without_dispatcher(service: LocalService) -> dict[str, Any]:
    """Short jobs all the time; the longest time in which none of them was started, and how reads went."""
    ids: list[str] = []
    reads: dict[str, int] = {"answered": 0, "failed": 0}
    async with Kinoray(service.url, timeout_s=30) as client, httpx.AsyncClient(base_url=service.url) as http:
        with anyio.fail_after(PATIENCE_S):
            async with anyio.create_task_group() as group:
                group.start_soon(_stream, client, ids)
                group.start_soon(_read, http, ids, reads)
                await anyio.sleep(4)
                [pid] = await to_thread.run_sync(pids_of, service, "Dispatcher")
                os.kill(pid, signal.SIGKILL)
                await anyio.sleep(25)
                group.cancel_scope.cancel()
            ended = [await client.wait(job_id) for job_id in ids]
        starts = sorted(float(video.extra["started_at"]) for video in ended)
    gaps = [after - before for before, after in zip(starts, starts[1:], strict=False)]
    return {
        "jobs": len(ended),
        "completed": sum(video.status == "completed" for video in ended),
        "gap_s": at_most(max(gaps), 15.0),
        "reads": {**reads, "target": "0 failed"},
    }


async def _stream(client: Kinoray, ids: list[str]) -> None:
    while True:
        ids.append((await client.create(f"short {len(ids)}", steps=2, seed=len(ids), **_WANTED)).id)
        await anyio.sleep(0.5)


async def _read(http: httpx.AsyncClient, ids: list[str], reads: dict[str, int]) -> None:
    while True:
        await anyio.sleep(READ_EVERY_S)
        if ids:
            try:
                answer = await http.get(f"/v1/videos/{ids[0]}", timeout=10)
            except httpx.HTTPError:
                reads["failed"] += 1
            else:
                reads["answered" if answer.status_code == 200 else "failed"] += 1
