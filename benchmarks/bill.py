"""The bill: processor seconds and Redis round trips of each verb, by process; beside it a bare deployment's.

Each line is what was used between two looks at /proc, less what the idle service would have used in that time. It is
kept as soon as it is measured, and one that cannot be measured keeps none of the others from being so.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import httpx
import redis.asyncio
from rich.console import Console

from benchmarks.bill_floor import NAME
from benchmarks.figures import at_least, at_most, percentile
from benchmarks.processor import seconds

JOB_S: Final = 0.08  # of a processor, beside the denoiser
POLL_S, POLL_FLOORS = 0.004, 1.5
IDLE_CORES: Final = 0.12
REPEAT_P50_MS, REPEAT_P99_MS, REPEATS_A_S = 8.0, 20.0, 300.0
HEALTH_P99_MS: Final = 200.0
POLL_EVERY_S: Final = 0.5
STEPS: Final = 25
MADE_BY: Final = ("diffuser",)  # the denoiser's own process
FRONT: Final = ("proxy", "haproxy", "router", "floor", "redis", "cache", "promptanalyzer")
CROWD_JOBS: Final = 8  # that the followed job waits behind, while its followers come


@dataclass
class Used:
    """What something cost: seconds by the clock and of processors, by part, and round trips by Redis's count."""

    wall_s: float = 0.0
    processor_s: dict[str, float] = field(default_factory=dict)
    trips: int = 0
    commands: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Sizes:
    """How much is done of each."""

    jobs: int = 20
    polls: int = 600
    repeats: int = 500
    rate_s: float = 10.0
    followers: int = 200
    idle_s: float = 60.0


QUICK: Final = Sizes(jobs=3, polls=150, repeats=80, rate_s=2.0, followers=40, idle_s=10.0)


class Meter:
    """Looks at /proc and Redis."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.asyncio.Redis.from_url(redis_url)
        self.idle = Used(wall_s=1.0)

    async def close(self) -> None:
        await self._redis.aclose()

    @asynccontextmanager
    async def used(self) -> AsyncIterator[Used]:
        """Filled in when it is over; what is still being done 0.3 s later is part of it."""
        told = Used()
        trips, commands = await self._trips()
        before, began = seconds(), time.monotonic()
        yield told
        await asyncio.sleep(0.3)
        told.wall_s = time.monotonic() - began
        told.processor_s = seconds().minus(before)
        after, commands_after = await self._trips()
        told.trips = after - trips - 2  # these looks themselves
        told.commands = dict(commands_after - commands)

    async def _trips(self) -> tuple[int, Counter[str]]:
        stats, commands = await self._redis.info("stats"), await self._redis.info("commandstats")
        counts = Counter({name.removeprefix("cmdstat_"): int(row["calls"]) for name, row in commands.items()})
        return int(stats["total_reads_processed"]), counts

    def each(self, used: Used, count: int) -> dict[str, Any]:
        """Of one of so many: milliseconds of processors by part, and trips, less an idle service's."""
        idle = {part: share / self.idle.wall_s * used.wall_s for part, share in self.idle.processor_s.items()}
        parts = {part: used.processor_s[part] - idle.get(part, 0.0) for part in used.processor_s}
        trips = used.trips - self.idle.trips / self.idle.wall_s * used.wall_s
        shown = {part: round(1000 * spent / count, 2) for part, spent in parts.items() if spent > 0.001}
        most = sorted(used.commands.items(), key=lambda row: -row[1])[:8]
        return {
            "count": count,
            "processor_ms": shown,
            "beside_denoiser_ms": round(sum(ms for part, ms in shown.items() if part not in MADE_BY), 2),
            "front_ms": round(sum(ms for part, ms in shown.items() if part in FRONT), 2),
            "redis_trips": round(max(0.0, trips) / count, 1),
            "redis_commands": {name: round(calls / count, 2) for name, calls in most},
            "wall_s": round(used.wall_s / count, 4),
        }


async def measure(
    url: str,
    redis_url: str,
    sizes: Sizes,
    console: Console,
    only: Collection[str] = (),
    keep: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """The lines of the bill, on a service that does nothing else; the floor's application stands beside it.

    A service that asks for a key, as behind HAProxy, is given that of `KINORAY_API_KEY`.

    `only`: those of these names; none: all. `keep` is given what there is after each of them.
    """
    meter = Meter(redis_url)
    limits, key = httpx.Limits(max_connections=None), os.environ.get("KINORAY_API_KEY")
    own = {"authorization": f"Bearer {key}"} if key else {}
    try:
        async with httpx.AsyncClient(base_url=url, limits=limits, timeout=120.0, headers=own) as http:
            last = await _job(http, _by_events)
            await http.put(f"/{NAME}/videos/one", content=(await http.get(f"/v1/videos/{last}")).content)
            found: dict[str, Any] = {"idle": await _idle(meter, sizes.idle_s)}
            lines: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
                "job by SSE": lambda: _jobs(meter, http, _by_events, sizes.jobs),
                "job by polling": lambda: _jobs(meter, http, _by_polling, sizes.jobs),
                "poll": lambda: _polls(meter, http, last, sizes.polls),
                "repeat": lambda: _repeats(meter, http, sizes),
                "followers": lambda: _followers(meter, http, sizes.followers),
            }
            for name in (name for name in lines if not only or name in only):
                console.print(f"[dim]{name} …[/dim]")
                found[name] = await _tried(lines[name])
                console.print(found[name])
                keep(found)
    finally:
        await meter.close()
    return found


async def _tried(line: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """The line, or why there is none."""
    try:
        return await line()
    except (httpx.HTTPError, RuntimeError, ValueError, KeyError) as error:
        return {"failed": f"{type(error).__name__}: {error}"[:300]}


async def _idle(meter: Meter, idle_s: float) -> dict[str, Any]:
    await asyncio.sleep(3.0)
    async with meter.used() as used:
        await asyncio.sleep(idle_s)
    meter.idle = used
    parts = {part: round(spent / used.wall_s, 4) for part, spent in used.processor_s.items() if spent > 0.01}
    ours = sum(share for part, share in parts.items() if part not in ("floor", "other", "dashboard"))
    most = sorted(used.commands.items(), key=lambda row: -row[1])[:12]
    return {
        "cores": at_most(ours, IDLE_CORES, by_part=parts),
        "redis_trips_a_s": round(used.trips / used.wall_s, 1),
        "redis_commands_a_s": {name: round(calls / used.wall_s, 2) for name, calls in most},
    }


async def _job(http: httpx.AsyncClient, follow: Callable[[httpx.AsyncClient, str], Awaitable[int]]) -> str:
    body = {"prompt": f"a red ball bounces, take {uuid.uuid4().hex}", "num_inference_steps": STEPS, "budget": STEPS}
    answer = await http.post("/v1/videos", json=body)
    answer.raise_for_status()
    video_id = str(answer.json()["id"])
    await follow(http, video_id)
    ended = (await http.get(f"/v1/videos/{video_id}")).json()
    if ended["status"] != "completed":
        raise RuntimeError(f"a job failed: {ended['error']}")
    return video_id


async def _by_events(http: httpx.AsyncClient, video_id: str) -> int:
    heard = 0
    async with http.stream("GET", f"/v1/videos/{video_id}/events") as stream:
        async for line in stream.aiter_lines():
            heard += line.startswith("event: ")
    return heard


async def _by_polling(http: httpx.AsyncClient, video_id: str) -> int:
    looks, etag = 0, ""
    while True:
        answer = await http.get(f"/v1/videos/{video_id}", headers={"if-none-match": etag} if etag else {})
        looks += 1
        if answer.status_code == 200:
            etag = answer.headers.get("etag", "")
            if answer.json()["status"] in ("completed", "failed"):
                return looks
        await asyncio.sleep(POLL_EVERY_S)


async def _jobs(
    meter: Meter, http: httpx.AsyncClient, follow: Callable[[httpx.AsyncClient, str], Awaitable[int]], count: int
) -> dict[str, Any]:
    async with meter.used() as used:
        for _ in range(count):
            await _job(http, follow)
    told = meter.each(used, count)
    return {"processor_s": at_most(told["beside_denoiser_ms"] / 1000, JOB_S), **told}


async def _polls(meter: Meter, http: httpx.AsyncClient, video_id: str, count: int) -> dict[str, Any]:
    """Of a video that has ended: read whole, and by who names what it has; and the floor's."""
    etag = (await http.get(f"/v1/videos/{video_id}")).headers.get("etag", '"none"')
    arms = {
        "whole": (f"/v1/videos/{video_id}", {}),
        "unchanged": (f"/v1/videos/{video_id}", {"if-none-match": etag}),
        "floor": (f"/{NAME}/videos/one", {}),
    }
    found: dict[str, Any] = {}
    for name, (path, headers) in arms.items():
        took, answers = list[float](), Counter[str]()
        async with meter.used() as used:
            for _ in range(count):
                began = time.perf_counter()
                answers[str((await http.get(path, headers=headers)).status_code)] += 1
                took.append(1000 * (time.perf_counter() - began))
        found[name] = {"answers": dict(answers), "p50_ms": round(statistics.median(took), 2), **meter.each(used, count)}
    whole, floor = (found[name]["front_ms"] / 1000 for name in ("whole", "floor"))
    return {
        "processor_s": at_most(whole, POLL_S),
        "per_floor": at_most(whole / floor, POLL_FLOORS) if floor else None,
        "unchanged_per_floor": round(found["unchanged"]["front_ms"] / 1000 / floor, 2) if floor else None,
        **found,
    }


async def _repeats(meter: Meter, http: httpx.AsyncClient, sizes: Sizes) -> dict[str, Any]:
    """One after another, and as many as 16 clients can have answered."""
    body = {"prompt": "a small blue star spins on a night blue background", "quality_tier": "preview"}
    first = (await http.post("/v1/videos", json=body)).json()
    await _by_events(http, first["id"])
    took = list[float]()

    async def ask(path: str = "/v1/videos") -> None:
        began = time.perf_counter()
        answer = await http.post(path, json=body)
        took.append(1000 * (time.perf_counter() - began))
        if not (answer.is_success and answer.json()["cache"]["hit"]) and path == "/v1/videos":
            raise RuntimeError(f"a repeat was not answered from the cache: {answer.text[:200]}")

    for _ in range(10):
        await ask()
    took.clear()
    async with meter.used() as used:
        for _ in range(sizes.repeats):
            await ask()
    p50, p99 = statistics.median(took), percentile(took, 0.99)
    async with meter.used() as floor:
        for _ in range(sizes.repeats):
            await ask(f"/{NAME}/videos")
    return {
        "p50_ms": at_most(p50, REPEAT_P50_MS),
        "p99_ms": at_most(p99, REPEAT_P99_MS),
        "per_second": at_least(await _rate(ask, sizes.rate_s), REPEATS_A_S),
        "floor_per_second": round(await _rate(lambda: ask(f"/{NAME}/videos"), sizes.rate_s), 1),
        "repeat": meter.each(used, sizes.repeats),
        "floor": meter.each(floor, sizes.repeats),
    }


async def _rate(ask: Callable[[], Awaitable[None]], rate_s: float) -> float:
    began, answered = time.perf_counter(), 0

    async def client() -> None:
        nonlocal answered
        while time.perf_counter() - began < rate_s:
            await ask()
            answered += 1

    await asyncio.gather(*(client() for _ in range(16)))
    return answered / (time.perf_counter() - began)


async def _followers(meter: Meter, http: httpx.AsyncClient, count: int) -> dict[str, Any]:
    """Of one job: what it costs to begin to follow, and an event that one of them hears; and the floor's streams.

    Once more with looks at `/health` meanwhile, which belong to neither.
    """
    found = await _crowd(meter, http, await _waiting_job(http), count)
    found["floor"] = await _crowd(meter, http, f"/{NAME}/videos/one/events?count=20", count)
    waits = list[float]()
    probing = asyncio.ensure_future(_probed(http, waits))
    await _crowd(meter, http, await _waiting_job(http), count)
    probing.cancel()
    looks = {"looks": len(waits), "p50": round(statistics.median(waits), 1), "most": round(max(waits), 1)}
    return {**found, "health_ms": at_most(percentile(waits, 0.99), HEALTH_P99_MS, **looks)}


async def _waiting_job(http: httpx.AsyncClient) -> str:
    """Where a job's events are told that waits behind others, so that all who follow it are there from its start."""
    long = {"num_inference_steps": STEPS, "budget": STEPS, "num_frames": 17, "cache": {"mode": "off"}, "seed": -1}
    for number in range(CROWD_JOBS):
        await http.post("/v1/videos", json={"prompt": f"a blue ring {number}", **long})
    job = (await http.post("/v1/videos", json={"prompt": "followed", "priority": "low", **long})).json()["id"]
    return f"/v1/videos/{job}/events"


async def _crowd(meter: Meter, http: httpx.AsyncClient, path: str, count: int) -> dict[str, Any]:
    """So many streams of one path, to their ends."""
    heard, all_there = Counter[str](), asyncio.Event()

    async def one() -> None:
        async with http.stream("GET", path) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("event: "):
                    heard[line[7:]] += 1
                    if heard["snapshot"] == count:
                        all_there.set()

    async with meter.used() as opening:
        streams = [asyncio.ensure_future(one()) for _ in range(count)]
        with anyio.move_on_after(60):
            await all_there.wait()
    before = heard.total()
    async with meter.used() as following:
        await asyncio.gather(*streams)
    return {
        "heard": dict(heard),
        "begin": meter.each(opening, count),
        "event": meter.each(following, max(1, heard.total() - before)),
    }


async def _probed(http: httpx.AsyncClient, waits: list[float]) -> None:
    """Milliseconds of each look at /health, until cancelled; at least of one."""
    while True:
        began = time.perf_counter()
        await http.get("/health")
        waits.append(1000 * (time.perf_counter() - began))
        await asyncio.sleep(0.1)
