"""Redis killed and started again under load: what becomes of accepted jobs, and what other requests notice of it.

A real Kinoray on this machine; its own Redis is sent SIGKILL, and Kinoray starts it again with its append-only
file. Nothing is tried again by these clients: every answer counts as it came.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from redis.asyncio import Redis
from rich.console import Console

from benchmarks.figures import at_most, percentile
from cluster.local import LocalService
from cluster.redis import LocalRedis

WINDOW_S = 3.0  # from the kill on; Redis is back in the midst of it
EVERY_S = 0.1  # between two reads of each kind
JOB_EVERY_S = 1.5
TIMES = 2.0  # target: p99 with the outage in it, against that before it
LONGEST_S = 180.0
TIMEOUT_S = 30.0
SETTLED_S = 0.5  # what is sent so shortly before the kill is neither normal nor in the window


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: when it was sent, how long it took, its status (0: none) and whether it said when to come again."""

    kind: str
    at: float
    took_s: float
    status: int
    retry_after: bool


class Load:
    """Requests of several kinds, each sent again and again until it is stopped."""

    def __init__(self, http: httpx.AsyncClient, known: str) -> None:
        self._http = http
        self._known = known  # a completed job
        self._number = 0
        self.answers: list[Answer] = []
        self.accepted: list[str] = []

    async def run(self, stop: asyncio.Event) -> None:
        reads = {"video": f"/v1/videos/{self._known}", "list": "/v1/videos?limit=5", "models": "/v1/models"}
        works = [self._again(stop, EVERY_S, partial(self._get, kind, path)) for kind, path in reads.items()]
        await asyncio.gather(*works, self._again(stop, JOB_EVERY_S, self._create))

    async def _again(self, stop: asyncio.Event, every_s: float, work: Callable[[], Awaitable[None]]) -> None:
        """At a steady rate, so that an answer that is long in coming does not hide those that it holds up."""
        under_way: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            task = asyncio.ensure_future(work())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            await asyncio.sleep(every_s)
        await asyncio.gather(*under_way)

    async def _get(self, kind: str, path: str) -> None:
        await self._timed(kind, self._http.get(path))

    async def _create(self) -> None:
        self._number += 1
        body = {"prompt": f"a red ball rises, take {self._number}", "tier": "preview", "seed": self._number}
        answer = await self._timed("create", self._http.post("/v1/videos", json=body))
        if answer is not None and answer.status_code == 200:
            self.accepted.append(answer.json()["id"])

    async def _timed(self, kind: str, call: Awaitable[httpx.Response]) -> httpx.Response | None:
        at, began = time.time(), time.perf_counter()
        answer = None
        with contextlib.suppress(httpx.HTTPError):
            answer = await call
        status = 0 if answer is None else answer.status_code
        waits = answer is not None and "retry-after" in answer.headers
        self.answers.append(Answer(kind, at, time.perf_counter() - began, status, waits))
        return answer


async def measure(service: LocalService, seconds: float, console: Console) -> dict[str, Any]:
    """Load for `seconds` before Redis is killed and as long after it is back; then wait for every accepted job."""
    if service.redis is None:
        raise RuntimeError("this service has no Redis of its own")
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(base_url=service.url, limits=limits, timeout=TIMEOUT_S) as http:
        first = (await http.post("/v1/videos", json={"prompt": "a blue box falls", "tier": "preview"})).json()["id"]
        await _ended(http, first)
        load, stop = Load(http, first), asyncio.Event()
        running = asyncio.ensure_future(load.run(stop))
        await asyncio.sleep(seconds)
        killed, back = await _outage(service.redis)
        console.print("[dim]Redis was killed[/dim]")
        await asyncio.sleep(seconds)
        stop.set()
        await running
        ended = Counter([await _ended(http, job_id) for job_id in load.accepted])
    windows = {
        "before": [each for each in load.answers if each.at < killed - SETTLED_S],
        "window": [each for each in load.answers if killed <= each.at < back],
        "after": [each for each in load.answers if each.at >= back],
    }
    others = {name: [each for each in answers if each.kind != "create"] for name, answers in windows.items()}
    normal_s = percentile([each.took_s for each in others["before"]], 0.99)
    whole = [each.took_s for each in (*others["window"], *others["after"])]
    return {
        "window_s": round(back - killed, 2),
        "accepted": len(load.accepted),
        "accepted_in_window": sum(each.status == 200 for each in windows["window"] if each.kind == "create"),
        "ended": dict(ended),
        "accepted_not_completed": at_most(len(load.accepted) - ended["completed"], 0),
        "p99_of_other_requests": at_most(
            percentile(whole, 0.99) / normal_s,
            TIMES,
            before_ms=_ms(normal_s),
            from_the_kill_on_ms=_ms(percentile(whole, 0.99)),
        ),
        "answers": {name: _told(answers) for name, answers in windows.items()},
    }


async def _outage(redis: LocalRedis) -> tuple[float, float]:
    """SIGKILL; Kinoray sees it and starts the server again. The times of the kill and of the end of the window."""
    async with Redis.from_url(redis.url) as client:
        pid = int((await client.info("server"))["process_id"])
    killed = time.time()
    os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(WINDOW_S)
    return killed, time.time()


async def _ended(http: httpx.AsyncClient, job_id: str) -> str:
    """How a job ended: its status, or "gone"."""
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        answer = await http.get(f"/v1/videos/{job_id}")
        if answer.status_code == 404:
            return "gone"
        if answer.status_code == 200 and answer.json()["status"] in ("completed", "failed"):
            return str(answer.json()["status"])
        await asyncio.sleep(0.2)
    return "unfinished"


def _told(answers: list[Answer]) -> dict[str, Any]:
    """By kind: how many of each status, those refused with a time to come again, and how long they took."""
    rows = {}
    for kind in sorted({each.kind for each in answers}):
        mine = [each for each in answers if each.kind == kind]
        times = [each.took_s for each in mine]
        refused = [each for each in mine if each.status != 200]
        rows[kind] = {
            "statuses": {str(status): count for status, count in sorted(Counter(each.status for each in mine).items())},
            "refused_with_retry_after": sum(each.retry_after for each in refused),
            "p50_ms": _ms(percentile(times, 0.5)),
            "p99_ms": _ms(percentile(times, 0.99)),
            "most_ms": _ms(max(times)),
        }
    return rows


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)
