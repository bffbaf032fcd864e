"""Deaths of more than a process: a whole node; and everything at once, started again from what the disk holds.

Run as a process of its own, which can be killed with all that it started:
`python -m tests.deployments.deaths node FOLDER`, `… begin FOLDER` (prints what it has accepted, and waits for its end),
`… again FOLDER JSON` (the same service once more, with the jobs that `begin` printed).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from app.client.client import Kinoray
from app.settings import Settings
from benchmarks.machine import free_port
from benchmarks.moves import replicas, stats, until
from benchmarks.nodes import SLEEPER, Nodes, config

STEP_S = 0.25
STEPS = 40
JOBS = 4
PATIENCE_S = 120.0
WISH: dict[str, Any] = {"steps": STEPS, "deterministic": True, "cache": {"mode": "off"}}
ARGS: dict[str, Any] = {"pretend_step_s": STEP_S, "slots": 2, "checkpoint_every": 4, "lease_s": 5.0}


def service_in(folder: Path) -> Nodes:
    """Two replicas on two nodes with a GPU each, beside a head without."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(state_dir=folder / "state", port=free_port(), redis_url=None)
    diffuser = {"num_replicas": 2, "ray_actor_options": SLEEPER}
    return Nodes(settings, config(folder, ARGS, diffuser), nodes=2, console=Console(stderr=True))


async def _begun(client: Kinoray, url: str) -> list[str]:
    """Jobs under way on both replicas, past their first checkpoint."""
    await until(url, lambda told: len(replicas(told)) == 2)
    videos = [await client.create(f"job {number}", seed=number, **WISH) for number in range(JOBS)]
    await until(url, lambda told: told["line"]["running"] == JOBS)
    await asyncio.sleep(STEP_S * STEPS / 3)
    return [video.id for video in videos]


async def _ended(client: Kinoray, ids: list[str]) -> list[dict[str, Any]]:
    """How they ended, and whether an undisturbed run of the same plan has the same bits."""
    rows = []
    for number, job_id in enumerate(ids):
        video = await client.wait(job_id, timeout_s=PATIENCE_S)
        calm = await client.wait((await client.create(f"job {number}", seed=number, **WISH)).id, timeout_s=PATIENCE_S)
        bits = [hashlib.sha256(await client.content(each.id)).hexdigest() for each in (video, calm)]
        ends = 0
        async for event in client.events(job_id):
            ends += event.kind == "end"
        error = None if video.error is None else video.error.code
        rows.append(
            {
                "status": video.status,
                "error": error,
                "resumed": video.resumed_from_step,
                "same": bits[0] == bits[1],
                "ends": ends,
            }
        )
    return rows


async def lose_node(service: Nodes) -> dict[str, Any]:
    """Take a node away from two of four jobs."""
    async with Kinoray(service.url, timeout_s=60, retries=5) as client:
        ids = await _begun(client, service.url)
        before = replicas(await stats(service.url))
        began = time.monotonic()
        await asyncio.to_thread(service.lose_node)
        jobs = await _ended(client, ids)
        left = await until(service.url, lambda told: len(replicas(told)) == 1)
    return {"jobs": jobs, "left": len(replicas(left) & before), "took_s": round(time.monotonic() - began, 1)}


async def begin(service: Nodes) -> dict[str, Any]:
    """What has been accepted and runs."""
    async with Kinoray(service.url, timeout_s=60) as client:
        return {"ids": await _begun(client, service.url)}


async def again(service: Nodes, ids: list[str]) -> dict[str, Any]:
    """What becomes of jobs of a service that is no more."""
    async with Kinoray(service.url, timeout_s=60) as client:
        return {"jobs": await _ended(client, ids)}


def main(verb: str, folder: Path, told: str = "{}") -> None:
    """Start, act, say, stop."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    service = service_in(folder)
    try:
        service.start()
        if verb == "node":
            found = asyncio.run(lose_node(service))
        elif verb == "begin":
            found = asyncio.run(begin(service))
        else:
            found = asyncio.run(again(service, json.loads(told)["ids"]))
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
        if verb == "begin":
            time.sleep(PATIENCE_S)
    finally:
        service.stop()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
