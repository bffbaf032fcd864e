"""A service with limits, a port for probes, two Routers and seats for some followers, asked by real clients: as JSON.

Run as `python -m tests.drills.front_door FOLDER MOST FOLLOWERS`: a process of its own, since a process has one Ray.
`MOST` is what one Router takes of followers, `FOLLOWERS` how many follow one job. Serve's own proxy stands before the
Routers, or HAProxy where RAY_SERVE_ENABLE_HA_PROXY is 1.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import yaml
from rich.console import Console

from app.client.client import Kinoray
from app.settings import Settings
from benchmarks.clients import beyond, follow
from cluster.local import CONFIG, LocalService
from tests import waiting
from tests.drills.processes import pids_of
from tests.ports import free_port

LIMIT, ASKED = 20, 60
LIMITED, FREE = "key-of-the-limited", "key-of-the-free"
PATIENCE_S = 120.0
RED: dict[str, Any] = {"prompt": "a red ball", "seconds": "1"}


def config(folder: Path, most: int) -> Path:
    """The shipped file with two Routers, and with these settings."""
    rows = yaml.safe_load(CONFIG.read_text())
    (application,) = rows["applications"]
    limits = {"tenants": {"limited": {"rates": {"submit": {"per_minute": LIMIT}}}}}
    application["args"] = {"pretend_step_s": 0.3, "max_followers": most, "limits": limits}
    for row in application["deployments"]:
        if row["name"] == "Router":
            del row["autoscaling_config"]
            row["num_replicas"] = 2
    path = folder / "front_door.yaml"
    path.write_text(yaml.safe_dump(rows))
    return path


async def limited(url: str) -> dict[str, Any]:
    """More requests at once than a minute has, each on a connection of its own, so that both Routers have some."""
    headers = {"authorization": f"Bearer {LIMITED}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
        answers = await asyncio.gather(*(client.post("/v1/videos", json=RED) for _ in range(ASKED)))
        again = await client.get("/v1/videos", params={"limit": 1})
    refused = [answer for answer in answers if answer.status_code == 429]
    waits = [float(answer.headers.get("retry-after", 0)) for answer in refused]
    left = [answer.headers.get("x-ratelimit-remaining-requests") for answer in answers if answer.status_code == 200]
    return {
        "answers": dict(Counter(str(answer.status_code) for answer in answers)),
        "codes": sorted({answer.json()["error"]["code"] for answer in refused}),
        "retry_after": [min(waits), max(waits)],
        "limits": sorted({answer.headers.get("x-ratelimit-limit-requests") for answer in answers}),
        "left": sorted(int(each) for each in left if each is not None),
        "looking": again.status_code,
    }


async def probes(port: int) -> dict[str, Any]:
    """What the port for probes answers, and to whom."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        paths = ("/health/live", "/health/ready", "/metrics", "/v1/models")
        return {path: (await client.get(path)).status_code for path in paths}


async def made(url: str) -> str:
    """How a video ends."""
    async with Kinoray(url, api_key=FREE, timeout_s=60) as client:
        return (await client.wait((await client.create("a blue ring")).id, timeout_s=PATIENCE_S)).status


async def story(service: LocalService, port: int, most: int, followers: int) -> dict[str, Any]:
    """All of it, one after the other."""

    async def both() -> bool:
        return len(await asyncio.to_thread(pids_of, service, "Router")) == 2

    await waiting.until(both, PATIENCE_S, every_s=0.5)
    found: dict[str, Any] = {"video": await made(service.url)}
    acts: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
        "limited": lambda: limited(service.url),
        "probes": lambda: probes(port),
        "followers": lambda: follow(service.url, followers, FREE),
        "beyond": lambda: beyond(service.url, most, FREE),
    }
    for name, act in acts.items():
        began = time.monotonic()
        found[name] = {**await act(), "took_s": round(time.monotonic() - began, 1)}
        sys.stderr.write(f"{name}: {found[name]}\n")
    found["after"] = await made(service.url)
    return found


def main(folder: Path, most: int, followers: int) -> None:
    """Start, ask, say, stop."""
    port = free_port()
    os.environ["RAY_AUTH_MODE"] = "disabled"
    os.environ["KINORAY_API_KEYS"] = json.dumps({"limited": LIMITED, "free": FREE})
    os.environ["KINORAY_HEALTH_PORT"] = str(port)
    settings = Settings(state_dir=folder / "state", port=free_port(), redis_url=None)
    service = LocalService(settings, config(folder, most), Console(stderr=True))
    try:
        service.start()
        found = asyncio.run(story(service, port, most, followers))
        sys.stdout.write(json.dumps(found) + "\n")
    finally:
        service.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
