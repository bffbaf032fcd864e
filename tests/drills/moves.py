"""Three nodes, jobs under way, and replicas that Serve takes away from them: what becomes of the jobs, as JSON.

Run as `python -m tests.drills.moves FOLDER`: a process of its own, since a process has one Ray.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from app.client.client import Kinoray
from app.settings import Settings
from tests import waiting
from tests.drills.nodes import SLEEPER, Nodes, config
from tests.drills.stats import replicas, stats, until
from tests.ports import free_port

STEP_S = 0.25
STEPS = 60
PATIENCE_S = 90.0


async def _steps(client: Kinoray, video_id: str) -> list[dict[str, Any]]:
    """Every phase and step the job went through, in order."""
    story = []
    async for event in client.events(video_id):
        if event.kind in ("phase", "step"):
            story.append(dict(event.data))
        if event.kind == "end":
            break
    return story


async def _in_the_middle(client: Kinoray, video_id: str) -> bool:
    return ((await client.retrieve(video_id)).step or 0) >= STEPS / 4


async def _moved(url: str, count: int, move: Callable[[], Awaitable[None]]) -> dict[str, Any]:
    """Start jobs, move them away from their replicas in the middle, and see them end."""
    wish: dict[str, Any] = {"steps": STEPS, "seed": 3, "deterministic": True, "cache": {"mode": "off"}}
    async with Kinoray(url, timeout_s=60) as client:
        videos = [await client.create(f"job {number} is moved", **wish) for number in range(count)]
        await until(url, lambda told: told["line"]["running"] == count)
        for video in videos:
            await waiting.until(partial(_in_the_middle, client, video.id), PATIENCE_S, every_s=STEP_S)
        began = time.time()
        await move()
        ended = [await client.wait(video.id, timeout_s=PATIENCE_S) for video in videos]
        stories = [await _steps(client, video.id) for video in videos]
    return {"moved_at": began, "jobs": [_row(video, story) for video, story in zip(ended, stories, strict=True)]}


def _row(video: Any, story: list[dict[str, Any]]) -> dict[str, Any]:
    """`behind`: the last step that was told before the job went back to the line, `resumed`: where it went on."""
    back = [index for index, row in enumerate(story) if index and row.get("phase") == "queued"]
    before = [row["step"] for row in story[: back[-1]] if "step" in row] if back else []
    return {
        "status": video.status,
        "handed_back": len(back),
        "told_before": max(before, default=0),
        "resumed": video.resumed_from_step,
    }


async def scenario(service: Nodes, folder: Path) -> dict[str, Any]:
    """Wake from zero, a rolling update under two jobs, and back to zero."""
    url = service.url
    found: dict[str, Any] = {}
    found["asleep"] = sorted(replicas(await until(url, lambda told: not replicas(told))))
    async with Kinoray(url, timeout_s=60) as client:
        video = await client.create("wake up", steps=4, cache={"mode": "off"})
        found["eta_at_zero_s"] = (await client.retrieve(video.id)).eta_s
        found["woken"] = (await client.wait(video.id, timeout_s=PATIENCE_S)).status

    async def update() -> None:
        before = replicas(await stats(url))
        await asyncio.to_thread(service.deploy, config(folder, ARGS, UPDATED, "updated.yaml"))
        await until(url, lambda told: bool(replicas(told)) and not replicas(told) & before)

    found["update"] = await _moved(url, 2, update)
    told = await until(url, lambda told: not replicas(told) and not told["line"]["pools"]["main"]["replicas"])
    found["at_zero"] = told["line"]["pools"]["main"]
    return found


ARGS: dict[str, Any] = {
    "replicas": {"main": [0, 3]},
    "pretend_step_s": STEP_S,
    "scale_drain_s": 60,  # a replica for both jobs
    "scale_idle_s": 5,
    "scale_lower_s": 2,
    "slots": 4,
}
DIFFUSER: dict[str, Any] = {"ray_actor_options": SLEEPER}
UPDATED: dict[str, Any] = {"ray_actor_options": {**SLEEPER, "num_cpus": 0.2}}


def main(folder: Path) -> None:
    """Start, act, stop, print."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    settings = Settings(state_dir=folder / "state", port=free_port(), redis_url=None)
    service = Nodes(settings, config(folder, ARGS, DIFFUSER), nodes=3, console=Console(stderr=True))
    try:
        service.start()
        found = asyncio.run(scenario(service, folder))
    finally:
        service.stop()
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
