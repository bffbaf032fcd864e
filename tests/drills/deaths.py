"""Deaths of more than a process: everything at once, started again from what the disk holds; and a whole node.

Run as a process of its own, which can be killed with all that it started:
`python -m tests.drills.deaths begin FOLDER` (prints what it has accepted, and waits for its end),
`… again FOLDER JSON` (the same service once more, with the jobs that `begin` printed; then one of its nodes goes).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from app.client.client import Kinoray
from app.client.records import Video
from app.jobs.redis.checkpoints import RedisCheckpoints
from app.redis.connection import connect
from app.settings import Settings
from tests import waiting
from tests.drills.nodes import SLEEPER, Nodes, config
from tests.drills.stats import replicas, stats, until
from tests.ports import free_port

STEP_S = 0.2
STEPS = 80  # long enough that a slow machine has killed what is to die before its jobs end
JOBS = 4
PATIENCE_S = 120.0
FRAMES = 9  # the fewest: what is kept of four jobs is not to keep a slow disk busy
WISH: dict[str, Any] = {"steps": STEPS, "frames": FRAMES, "deterministic": True, "cache": {"mode": "off"}}
# A lease outlasts what replacements take from two cores as they are imported: only those of the dead are to run out.
ARGS: dict[str, Any] = {"pretend_step_s": STEP_S, "slots": 2, "checkpoint_every": 4, "lease_s": 15.0}


def service_in(folder: Path) -> Nodes:
    """Two replicas on two nodes with a GPU each, beside a head without."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(state_dir=folder / "state", port=free_port(), redis_url=None)
    diffuser = {"num_replicas": 2, "ray_actor_options": SLEEPER}
    return Nodes(settings, config(folder, ARGS, diffuser), nodes=2, console=Console(stderr=True))


async def _started(client: Kinoray) -> list[str]:
    return [(await client.create(f"job {number}", seed=number, **WISH)).id for number in range(JOBS)]


async def _begun(client: Kinoray, service: Nodes) -> list[str]:
    """Jobs under way on both replicas, each past its first checkpoint."""
    await until(service.url, lambda told: len(replicas(told)) == 2)
    ids = await _started(client)
    await until(service.url, lambda told: told["line"]["running"] == JOBS)
    assert service.redis is not None
    redis = connect(service.redis.url, timeout_s=5)
    kept = RedisCheckpoints(redis, service.settings.redis_prefix)
    for job_id in ids:
        await waiting.until(partial(kept.get, job_id), PATIENCE_S)
    await redis.aclose()
    return ids


async def _undisturbed(client: Kinoray) -> list[str]:
    """The videos of the same plans when nothing dies, as SHA-256."""
    videos = [await client.wait(job_id, timeout_s=PATIENCE_S) for job_id in await _started(client)]
    return [await _digest(client, video) for video in videos]


async def _digest(client: Kinoray, video: Video) -> str:
    return hashlib.sha256(await client.content(video.id)).hexdigest()


async def _ended(client: Kinoray, ids: list[str]) -> list[Video]:
    return [await client.wait(job_id, timeout_s=PATIENCE_S) for job_id in ids]


async def _rows(client: Kinoray, videos: list[Video], calm: list[str]) -> list[dict[str, Any]]:
    """How jobs ended, and whether an undisturbed run of the same plan has the same bits."""
    return [await _row(client, *pair) for pair in zip(videos, calm, strict=True)]


async def _row(client: Kinoray, video: Video, calm: str) -> dict[str, Any]:
    ends = 0
    async for event in client.events(video.id):
        ends += event.kind == "end"
    return {
        "status": video.status,
        "error": None if video.error is None else video.error.code,
        "resumed": video.resumed_from_step,
        "same": await _digest(client, video) == calm,
        "ends": ends,
    }


async def _lose_node(client: Kinoray, service: Nodes, calm: list[str]) -> dict[str, Any]:
    """Take a node away from two of four jobs."""
    ids = await _begun(client, service)
    before = replicas(await stats(service.url))
    await asyncio.to_thread(service.lose_node)
    rows = await _rows(client, await _ended(client, ids), calm)
    left = await until(service.url, lambda told: len(replicas(told)) == 1)
    return {"jobs": rows, "left": len(replicas(left) & before)}


async def begin(service: Nodes) -> dict[str, Any]:
    """What has been accepted and runs."""
    async with Kinoray(service.url, timeout_s=60) as client:
        return {"ids": await _begun(client, service)}


async def again(service: Nodes, ids: list[str]) -> dict[str, Any]:
    """What becomes of jobs of a service that is no more; and of those of a node that goes afterwards."""
    async with Kinoray(service.url, timeout_s=60, retries=5) as client:
        ended = await _ended(client, ids)
        calm = await _undisturbed(client)
        return {"jobs": await _rows(client, ended, calm), "node": await _lose_node(client, service, calm)}


def main(verb: str, folder: Path, told: str = "{}") -> None:
    """Start, act, say, stop."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    service = service_in(folder)
    try:
        service.start()
        found = asyncio.run(begin(service) if verb == "begin" else again(service, json.loads(told)["ids"]))
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
        if verb == "begin":
            sys.stdin.read()  # until whoever started this is gone
    finally:
        service.stop()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
