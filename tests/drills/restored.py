"""A real Kinoray before and after a restore: what it accepted, and how that stands afterwards, as JSON.

Run as a process of its own, since a process has one Ray: `python -m tests.drills.restored begin FOLDER` takes a backup
with jobs at every stage and then ends them all; `… again FOLDER JSON` starts on what was brought back.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from app.client.client import Kinoray
from app.settings import Settings
from app.video.join import frames_of
from cluster.deploy import keep_redis
from cluster.local import LocalService
from tests import waiting
from tests.ports import free_port

JOBS = 24
PATIENCE_S = 240.0
WISH: dict[str, Any] = {"steps": 8, "quality_tier": "preview"}


def service_in(folder: Path) -> LocalService:
    """With its data below the folder."""
    settings = Settings(state_dir=folder, port=free_port(), redis_url=None)
    return LocalService(settings, console=Console(stderr=True))


async def begin(service: LocalService, folder: Path) -> dict[str, Any]:
    """Accept, back up when some have completed, and see all end: work that the backup knows nothing of."""
    assert service.redis is not None
    async with Kinoray(service.url, timeout_s=60) as client:
        ids = [(await client.create(f"a red ball {number % 20}", seed=5, **WISH)).id for number in range(JOBS)]

        async def some() -> bool:
            return (await client.retrieve(ids[3])).status == "completed"

        await waiting.until(some, PATIENCE_S, every_s=0.1)
        await keep_redis(service.redis.url, service.settings.redis_prefix, folder.parent)
        before = [(await client.retrieve(job_id)).status for job_id in ids]
        since = [(await client.create(f"a green box {number}", seed=5, **WISH)).id for number in range(4)]
        for job_id in (*ids, *since):
            await client.wait(job_id, timeout_s=PATIENCE_S)
    return {"ids": ids, "since": since, "before": before}


async def again(service: LocalService, ids: list[str]) -> dict[str, Any]:
    """How they end, and the frames that PyAV finds in each video."""
    rows = []
    async with Kinoray(service.url, timeout_s=60, retries=5) as client:
        for job_id in ids:
            video = await client.wait(job_id, timeout_s=PATIENCE_S)
            frames = 0
            if video.status == "completed":
                frames = len(await asyncio.to_thread(frames_of, await client.content(job_id), 128, 128))
            rows.append({"status": video.status, "error": video.error and video.error.message, "frames": frames})
    return {"jobs": rows}


def main(verb: str, folder: Path, told: str = "[]") -> None:
    """Start, act, say, stop."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    service = service_in(folder)
    try:
        service.start()
        found = asyncio.run(begin(service, folder) if verb == "begin" else again(service, json.loads(told)))
    finally:
        service.stop()
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
