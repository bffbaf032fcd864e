"""What becomes of films while processes of every kind are killed: each ends once, with the frames of a calm run."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

import anyio
import av
import httpx
from rich.console import Console

from benchmarks.jobs import Job, mixed
from cluster.local import LocalService
from tests.drills.processes import KINDS, pids_of

PAUSE_S = (2.0, 6.0)  # between two kills
PATIENCE_S = 1200.0
LOOK_S = 0.5
REMEMBERED_S = 16.0  # Routers know results for so long by themselves
SCENES = (1, 2, 3)
SAID = "One shape, one ground, one move."
AGAIN = (429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Film:
    """What became of one."""

    status: str
    pictures: str  # SHA-256 of all decoded frames
    ends: int  # events that say it ended
    why: str = ""


async def measure(service: LocalService, films: int, kills: int, console: Console) -> dict[str, Any]:
    """The same films twice, the caches empty each time: undisturbed, then under kills over all kinds of process."""
    wanted = [_body(number) for number in range(films)]
    calm, calm_s = await _run(service, "calm", wanted, 0, [], console)
    async with httpx.AsyncClient(base_url=service.url, timeout=60) as http:
        (await http.delete("/api/cache")).raise_for_status()
    await anyio.sleep(REMEMBERED_S)
    killed: list[str] = []
    wild, wild_s = await _run(service, "wild", wanted, kills, killed, console)
    same = sum(before.pictures == after.pictures for before, after in zip(calm, wild, strict=True))
    return {
        "films": films,
        "scenes": sum(len(body["scenes"]) for body in wanted),
        "kills": dict(Counter(killed)),
        "completed": {"measured": sum(film.status == "completed" for film in wild), "target": films},
        "ended_once": {"measured": sum(film.ends == 1 for film in wild), "target": films},
        "same_frames_as_undisturbed": {"measured": same, "target": films},
        "failed": [film.why for film in wild if film.status != "completed"],
        "undisturbed_s": round(calm_s, 1),
        "disturbed_s": round(wild_s, 1),
    }


def _body(number: int) -> dict[str, Any]:
    jobs: list[Job] = mixed(SCENES[number % len(SCENES)], seed=100 + number)
    scenes = [
        {"prompt": job.prompt, "seed": job.seed, "narration": SAID if at % 2 else None} for at, job in enumerate(jobs)
    ]
    return {"title": f"Film {number}", "deterministic": True, "tier": "standard", "scenes": scenes}


async def _run(
    service: LocalService, name: str, wanted: list[dict[str, Any]], kills: int, killed: list[str], console: Console
) -> tuple[list[Film], float]:
    began, found = time.monotonic(), dict[int, Film]()
    async with httpx.AsyncClient(base_url=service.url, timeout=20) as http:
        with anyio.fail_after(PATIENCE_S):
            async with anyio.create_task_group() as group:
                for number, body in enumerate(wanted):
                    group.start_soon(_follow, http, f"{name}-{began}-{number}", number, body, found)
                group.start_soon(_kill, service, kills, killed)
    took_s = time.monotonic() - began
    console.print(f"[dim]{name}: {took_s:.0f} s, {Counter(film.status for film in found.values())}[/dim]")
    return [found[number] for number in range(len(wanted))], took_s


async def _kill(service: LocalService, kills: int, killed: list[str]) -> None:
    dice = Random(4)
    order = [KINDS[number % len(KINDS)] for number in range(kills)]  # each kind about as often
    dice.shuffle(order)
    for kind in order:
        pids: list[int] = []
        while not pids:
            await anyio.sleep(dice.uniform(*PAUSE_S))
            pids = await anyio.to_thread.run_sync(pids_of, service, kind)
        os.kill(dice.choice(pids), signal.SIGKILL)
        killed.append(kind)


async def _follow(http: httpx.AsyncClient, key: str, number: int, body: dict[str, Any], found: dict[int, Film]) -> None:
    """As a client that cannot know whether a broken answer was a yes."""
    story = await _asked(http, "POST", "/v1/storyboards", json=body, headers={"Idempotency-Key": key})
    place = f"/v1/storyboards/{story.json()['id']}"
    while (state := (await _asked(http, "GET", place)).json())["status"] not in ("completed", "failed"):
        await anyio.sleep(LOOK_S)
    told = await _asked(http, "GET", f"{place}/events")
    ends = told.text.count("event: end")
    if state["status"] != "completed":
        found[number] = Film(state["status"], "", ends, f"{body['title']}: {state['error']}")
        return
    content = (await _asked(http, "GET", f"{place}/content")).content
    found[number] = Film("completed", await anyio.to_thread.run_sync(_pictures, content), ends)


async def _asked(http: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response:
    while True:
        try:
            answer = await http.request(method, path, **more)
        except httpx.HTTPError:
            await anyio.sleep(LOOK_S)
            continue
        if answer.status_code == 200:
            return answer
        if answer.status_code not in AGAIN:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        await anyio.sleep(LOOK_S)


def _pictures(mp4: bytes) -> str:
    digest = hashlib.sha256()
    with av.open(io.BytesIO(mp4)) as film:
        for frame in film.decode(video=0):
            digest.update(frame.to_ndarray(format="yuv420p").tobytes())
    return digest.hexdigest()
