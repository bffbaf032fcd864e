"""What asking again costs: many identical requests at once, exact repeats one by one, and all that one Router takes."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
import uuid
from collections import defaultdict
from typing import Any

import httpx
from rich.console import Console

from app.client.client import Kinoray
from app.client.records import Video
from benchmarks.figures import at_least, at_most, percentile, spread

P50_MS, P99_MS = 15.0, 60.0
CLIENTS = (1, 4, 16)
LONGEST_S = 600.0
_STAGE = re.compile(r"([a-z_]+);dur=([0-9.]+)")


async def measure(
    url: str, requests: int, repeats: int, seconds: float, console: Console, clients: tuple[int, ...] = CLIENTS
) -> dict[str, Any]:
    """All figures of this page, on a service that does nothing else."""
    async with Kinoray(url) as client:
        flight = await _at_once(client, requests)
        console.print(f"[dim]at once: {flight}[/dim]")
        prompt = await _kept(client)
    limits = httpx.Limits(max_connections=max(clients))
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30.0) as http:
        one_by_one = await _one_by_one(http, prompt, repeats)
        console.print(f"[dim]one by one: {one_by_one}[/dim]")
        rates = {}
        for count in clients:
            rates[str(count)] = await _rate(http, prompt, count, seconds)
            console.print(f"[dim]{count} clients: {rates[str(count)]}[/dim]")
    return {"identical_at_once": flight, "exact_repeat": one_by_one, "repeats_by_clients": rates}


async def _at_once(client: Kinoray, count: int) -> dict[str, Any]:
    """The same new request so many times at once: those that were made, and those that ended well."""
    prompt = f"a red ball bounces on sand, take {uuid.uuid4().hex}"
    before, began = await _evaluations(client), time.perf_counter()
    asked = await asyncio.gather(*(client.create(prompt, tier="preview") for _ in range(count)))
    accepted_s = time.perf_counter() - began
    ended = [await _ended(client, video) for video in asked]
    took_s = time.perf_counter() - began
    made = [video for video in ended if video.attempts]
    planned = made[0].optimization.budget or 0 if made else 0
    generations = (await _evaluations(client) - before) / planned if planned else 0.0
    return {
        "requests": count,
        "generations": at_most(len(made), 1, by_evaluations=round(generations, 2)),
        "completed": at_least(sum(video.status == "completed" for video in ended), count),
        "answered_by_the_flight": sum(video.cache.kind == "flight" for video in ended),
        "accepted_s": round(accepted_s, 3),
        "all_completed_s": round(took_s, 3),
    }


async def _evaluations(client: Kinoray) -> float:
    return float((await client.stats())["optimization"]["denoiser_evaluations"])


async def _ended(client: Kinoray, video: Video) -> Video:
    """Looked at again and again: streams for so many would not fit one client's connections."""
    until = time.monotonic() + LONGEST_S
    while not video.ended and time.monotonic() < until:
        await asyncio.sleep(0.05)
        video = await client.retrieve(video.id)
    return video


async def _kept(client: Kinoray) -> str:
    """A prompt whose video is in the cache."""
    prompt = "a small blue star spins on a night blue background"
    video = await client.wait((await client.create(prompt, tier="preview")).id)
    if video.status != "completed":
        raise RuntimeError(f"the job failed: {video.error}")
    return prompt


async def _one_by_one(http: httpx.AsyncClient, prompt: str, count: int) -> dict[str, Any]:
    """Milliseconds of exact repeats as a client sees them, and by stage as the Router says."""
    for _ in range(10):
        await _repeat(http, prompt)
    seen = [await _repeat(http, prompt) for _ in range(count)]
    times = [ms for ms, _ in seen]
    return {
        "p50_ms": at_most(statistics.median(times), P50_MS),
        "p99_ms": at_most(percentile(times, 0.99), P99_MS),
        "count": count,
        "stages_ms": _stages(seen),
    }


async def _rate(http: httpx.AsyncClient, prompt: str, clients: int, seconds: float) -> dict[str, Any]:
    """So many clients, each asking again as soon as it is answered, for so long."""
    seen: list[tuple[float, dict[str, float]]] = []
    began = time.perf_counter()

    async def ask() -> None:
        while time.perf_counter() - began < seconds:
            seen.append(await _repeat(http, prompt))

    await asyncio.gather(*(ask() for _ in range(clients)))
    took_s = time.perf_counter() - began
    return {
        "per_second": round(len(seen) / took_s, 1),
        "ms": spread([ms for ms, _ in seen], 2),
        "stages_ms": _stages(seen),
    }


async def _repeat(http: httpx.AsyncClient, prompt: str) -> tuple[float, dict[str, float]]:
    """Milliseconds of one exact repeat, and the stages of its `server-timing`."""
    began = time.perf_counter()
    answer = await http.post("/v1/videos", json={"prompt": prompt, "quality_tier": "preview"})
    took_ms = 1000 * (time.perf_counter() - began)
    answer.raise_for_status()
    if not answer.json()["cache"]["hit"]:
        raise RuntimeError("a repeat was not answered from the cache")
    return took_ms, {name: float(ms) for name, ms in _STAGE.findall(answer.headers.get("server-timing", ""))}


def _stages(seen: list[tuple[float, dict[str, float]]]) -> dict[str, float]:
    """Medians: plan, lookup, files and record are parts of accept, that of the Router's total; the rest is the way."""
    found: dict[str, list[float]] = defaultdict(list)
    for took_ms, stages in seen:
        for name, ms in stages.items():
            found[name].append(ms)
        found["beside_the_router"].append(took_ms - stages.get("total", 0.0))
    return {name: round(statistics.median(values), 2) for name, values in found.items()}
