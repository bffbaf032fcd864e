"""Replicas under a burst, beside Ray's request-count policy on the same load; throughput of one, two and four.

No GPU is used: the denoiser SLEEPS as long as a device would take (`pretend_step_s`), nodes are processes of this one
machine, and their GPUs exist in Ray's books only. What is measured is everything around a device.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle
from rich.console import Console

from app.client.client import Kinoray
from app.settings import Settings
from benchmarks.figures import at_least
from tests.drills.nodes import SLEEPER, Nodes, config
from tests.drills.stats import replicas, stats, until
from tests.ports import free_port

Count = Callable[[], Awaitable[int]]
BURST, STEPS, STEP_S = 12, 20, 0.5  # twelve jobs of ten device seconds, one at a time on each replica
LOWER_S, IDLE_S = 2.0, 5.0  # the same patience for both policies
TARGETS = {1: 0.98, 2: 1.95, 4: 3.85}
LONG_STEPS, LONG_STEP_S, BATCH, SLOTS = 100, 0.5, 4, 8
LIMIT_S = 120.0

FOLLOWS: dict[str, Any] = {
    "replicas": {"main": [0, 3]},
    "pretend_step_s": STEP_S,
    "scale_drain_s": BURST * STEPS * STEP_S / 3,  # three replicas are what the burst asks for
    "scale_lower_s": LOWER_S,
    "scale_idle_s": IDLE_S,
    "slots": 2,
    "max_batch": 1,
}
TUNED: dict[str, Any] = {
    "upscale_delay_s": 0.0,
    "downscale_delay_s": LOWER_S,
    "downscale_to_zero_delay_s": IDLE_S,
    "metrics_interval_s": 1.0,
    "look_back_period_s": 5.0,
}


def burst(folder: Path, console: Console) -> dict[str, Any]:
    """1 → 3 → 0 → 1 by Kinoray's policy and by Ray's, on the same three nodes, one after another."""
    service = Nodes(_settings(folder), config(folder, FOLLOWS, {"ray_actor_options": SLEEPER}), 3, console)
    try:
        service.start()
        found = {"kinoray": asyncio.run(_kinoray(service.url, console))}
        serve.delete("kinoray")
        for name, autoscaling in (("ray_tuned_alike", TUNED), ("ray_as_shipped", {})):
            found[name] = asyncio.run(_plain(autoscaling, console))
            serve.delete("plain")
    finally:
        service.stop()
    return {"jobs": BURST, "device_seconds_each": STEPS * STEP_S, **found}


async def _kinoray(url: str, console: Console) -> dict[str, Any]:
    async with Kinoray(url, timeout_s=60) as client:

        async def job(number: int, steps: int) -> None:
            video = await client.create(f"job {number}", steps=steps, budget=steps, seed=-1, cache={"mode": "off"})
            ended = await client.wait(video.id, timeout_s=2 * LIMIT_S)
            if ended.status != "completed":
                raise RuntimeError(f"{ended.error}")

        async def count() -> int:
            return len(replicas(await stats(url)))

        await job(0, 2)  # there is one replica
        return await _follow("kinoray", lambda number: job(number, STEPS), count, console)


class Plain:
    """A Serve deployment as one writes it: a request is a job, one at a time on the device, others wait in Serve."""

    def __init__(self) -> None:
        import app.engine.fake  # noqa: F401  # as dear to start as a Diffuser that sleeps: it imports torch

        self._device = asyncio.Lock()

    async def __call__(self, seconds: float) -> None:
        async with self._device:
            await asyncio.sleep(seconds)


async def _plain(autoscaling: dict[str, Any], console: Console) -> dict[str, Any]:
    bounds = {"min_replicas": 0, "max_replicas": 3, **autoscaling}
    deployment = serve.deployment(Plain, autoscaling_config=bounds, ray_actor_options=SLEEPER, max_ongoing_requests=2)
    handle: DeploymentHandle[Any] = await asyncio.to_thread(
        serve.run, deployment.bind(), name="plain", route_prefix=None
    )

    async def job(_number: int) -> None:
        await handle.remote(STEPS * STEP_S)

    async def count() -> int:
        status = await asyncio.to_thread(serve.status)
        return int(status.applications["plain"].deployments["Plain"].replica_states.get("RUNNING", 0))

    await handle.remote(0.1)
    return await _follow(f"Ray {autoscaling or 'as shipped'}", job, count, console, to_zero=bool(autoscaling))


async def _follow(
    name: str, job: Callable[[int], Awaitable[None]], count: Count, console: Console, to_zero: bool = True
) -> dict[str, Any]:
    """Seconds from the burst to three replicas and to its end, from there to none, and from a new job to one."""
    began = time.monotonic()
    work = asyncio.gather(*(job(number) for number in range(BURST)))
    seen: list[tuple[float, int]] = []
    watch = asyncio.ensure_future(_watch(count, began, seen))
    try:
        await asyncio.wait_for(work, 2 * LIMIT_S)
        done = time.monotonic() - began
        found: dict[str, Any] = {"to_three_s": _first(seen, 3), "burst_done_s": round(done, 1)}
        if to_zero:
            await _until_count(seen, 0, done)
            found["to_zero_after_s"] = round(seen[-1][0] - done, 1)
            asked = time.monotonic()
            await job(BURST)
            woken = _first([row for row in seen if row[0] > asked - began], 1)
            found["woken_after_s"] = None if woken is None else round(woken - (asked - began), 1)
            found["first_job_done_after_s"] = round(time.monotonic() - asked, 1)
    finally:
        watch.cancel()
    found["most"] = max(number for _, number in seen)
    found["replicas"] = [row for index, row in enumerate(seen) if not index or seen[index - 1][1] != row[1]]
    found["replica_seconds"] = round(
        sum((after[0] - before[0]) * before[1] for before, after in zip(seen, seen[1:], strict=False)), 1
    )
    console.print(f"{name}: {found}")
    return found


async def _watch(count: Count, began: float, seen: list[tuple[float, int]]) -> None:
    while True:
        number = await count()
        seen.append((round(time.monotonic() - began, 1), number))
        await asyncio.sleep(0.25)


async def _until_count(seen: list[tuple[float, int]], number: int, after: float) -> None:
    end = time.monotonic() + LIMIT_S
    while not (seen and seen[-1][0] > after and seen[-1][1] == number):
        if time.monotonic() > end:
            raise TimeoutError(f"never {number} replicas")
        await asyncio.sleep(0.1)


def _first(seen: list[tuple[float, int]], number: int) -> float | None:
    return next((at for at, found in seen if found >= number), None)


def throughput(folder: Path, console: Console) -> dict[str, Any]:
    """Eight jobs for each replica at once, in batches of four: device time there is ÷ the time until all are done."""
    args = {"pretend_step_s": LONG_STEP_S, "max_batch": BATCH, "slots": SLOTS}

    def row(count: int) -> dict[str, Any]:
        # As many calls as slots: Serve then fills all replicas alike.
        return {"num_replicas": count, "max_ongoing_requests": SLOTS, "ray_actor_options": SLEEPER}

    service = Nodes(_settings(folder), config(folder, args, row(1)), 4, console)
    found: dict[str, Any] = {}
    try:
        service.start()
        for count, target in TARGETS.items():
            service.deploy(config(folder, args, row(count), f"{count}.yaml"))
            took = asyncio.run(_crowd(service.url, count))
            ideal = SLOTS * LONG_STEPS * LONG_STEP_S / BATCH
            found[str(count)] = at_least(count * ideal / took, target, seconds=round(took, 2))
            console.print(f"{count} replicas: {found[str(count)]}")
    finally:
        service.stop()
    return {"device_seconds_per_replica": SLOTS * LONG_STEPS * LONG_STEP_S / BATCH, "by_replicas": found}


async def _crowd(url: str, count: int) -> float:
    await until(url, lambda told: len(replicas(told)) == count)
    async with Kinoray(url, timeout_s=60) as client:

        async def one(number: int, steps: int) -> None:
            wish: dict[str, Any] = {"steps": steps, "budget": steps, "num_frames": 9, "cache": {"mode": "bypass"}}
            video = await client.create("a crowd of videos", seed=number, **wish)
            if (await client.wait(video.id, timeout_s=2 * LIMIT_S)).status != "completed":
                raise RuntimeError("a job failed")

        await asyncio.gather(*(one(10_000 + number, 1) for number in range(count)))  # every part of the way is warm
        began = time.monotonic()
        await asyncio.gather(*(one(number, LONG_STEPS) for number in range(SLOTS * count)))
        return time.monotonic() - began


def _settings(folder: Path) -> Settings:
    return Settings(state_dir=folder / "state", port=free_port(), redis_url=None)
