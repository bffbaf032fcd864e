"""A service with traces and planted secrets, jobs of every fate, a replica killed: what was logged and traced, as JSON.

Run as `python -m tests.drills.observed FOLDER`: a process of its own, since a process has one Ray.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import yaml
from opentelemetry.sdk.trace import TracerProvider
from rich.console import Console

from app.client.client import Kinoray
from app.client.options import WebhookOptions
from app.engine.fake import RAISES
from app.settings import Settings
from cluster.local import CONFIG, LocalService
from tests import waiting
from tests.drills.processes import only_pid
from tests.otlp_receiver import Receiver, receiver
from tests.ports import free_port

PATIENCE_S = 120.0
STEPS = 40
KEY = "sk-planted-key-5d1f"
WEBHOOK = "whsec_cGxhbnRlZC13ZWJob29rLXNlY3JldC0xMjM0"
PROMPT = "an unmistakable heliotrope armadillo"
ARGS = {"pretend_step_s": 0.1, "max_batch": 2, "slots": 2, "checkpoint_every": 5, "retry_first_s": 0.0}
WISH: dict[str, Any] = {"steps": STEPS, "budget": STEPS, "num_frames": 9}


async def _stepping(client: Kinoray, video_id: str, step: int = 8) -> None:
    async def far() -> bool:
        return ((await client.retrieve(video_id)).step or 0) >= step

    await waiting.until(far, PATIENCE_S, every_s=0.1)


async def _killed(service: LocalService, client: Kinoray, told: Receiver, found: dict[str, Any]) -> None:
    """A job below a caller's span, beside another, whose replica is killed in the middle."""
    tracer = TracerProvider().get_tracer("caller")
    with tracer.start_as_current_span("caller") as span:
        context = span.get_span_context()
        hook: WebhookOptions = {"url": f"{told.url}/hook"}
        video = await client.create(PROMPT, seed=1, webhook=hook, **WISH)
    mate = await client.create(f"{PROMPT} beside it", seed=2, **WISH)
    await _stepping(client, video.id, 12)
    os.kill(await anyio.to_thread.run_sync(only_pid, service, "Diffuser"), signal.SIGKILL)
    ended = await client.wait(video.id, timeout_s=PATIENCE_S)
    await client.wait(mate.id, timeout_s=PATIENCE_S)

    async def hooked() -> bool:
        return bool(told.hooks)

    await waiting.until(hooked, PATIENCE_S)
    found["killed"] = {
        "id": video.id,
        "status": ended.status,
        "attempts": ended.attempts,
        "resumed": ended.resumed_from_step,
        "trace_id": ended.trace_id,
        "callers_trace": f"{context.trace_id:032x}",
        "callers_span": f"{context.span_id:016x}",
        "webhook": told.hooks[0].get("traceparent"),
    }


async def _fates(url: str, client: Kinoray, found: dict[str, Any]) -> None:
    again = await client.create(PROMPT, seed=1, **WISH)
    found["cached"] = again.id
    failed = await client.create(RAISES, seed=3, **WISH)
    found["failed"] = (await client.wait(failed.id, timeout_s=PATIENCE_S)).id
    low = [await client.create(f"{PROMPT} low {n}", seed=n, priority="low", **WISH) for n in (4, 5)]
    for each in low:
        await _stepping(client, each.id, 3)
    urgent = await client.create(f"{PROMPT} high", seed=6, priority="high", **WISH)
    await client.wait(urgent.id, timeout_s=PATIENCE_S)
    ended = [await client.wait(each.id, timeout_s=PATIENCE_S) for each in low]
    found["low"], found["urgent"] = [each.id for each in ended], urgent.id
    stopped = await client.create(f"{PROMPT} stopped", seed=7, **WISH)
    await _stepping(client, stopped.id, 3)
    await client.cancel(stopped.id)
    found["cancelled"] = stopped.id
    body = {"prompt": f"{PROMPT} by request", "seed": 8, **WISH}
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {KEY}"}) as http:
        answer = await http.post("/v1/videos", json=body, headers={"x-request-id": "my-request-1"})
        await http.get("/api/optimization/analyze", params={"prompt": PROMPT})
        await http.post("/v1/videos", json={"prompt": PROMPT, "size": "1x1"})
        await http.get("/v1/videos", headers={"Authorization": "Bearer sk-a-wrong-key-77"})
    found["requested"] = answer.json()["id"]
    await client.wait(found["requested"], timeout_s=PATIENCE_S)


def _logs(*words: str) -> dict[str, Any]:
    ran = subprocess.run([sys.executable, "-m", "kinoray", "logs", *words], capture_output=True, text=True, timeout=60)
    return {"status": ran.returncode, "out": ran.stdout, "err": ran.stderr}


def _planted(logs: Path) -> Iterator[str]:
    """Files of the session in which a secret or a prompt stands."""
    for path in logs.rglob("*"):
        if path.is_file():
            text = path.read_bytes()
            yield from (f"{path.name}: {word}" for word in (KEY, WEBHOOK, "heliotrope") if word.encode() in text)


async def scenario(service: LocalService, told: Receiver) -> dict[str, Any]:
    """Jobs of every fate."""
    found: dict[str, Any] = {}
    async with Kinoray(service.url, KEY, timeout_s=60) as client:
        await _killed(service, client, told, found)
        await _fates(service.url, client, found)
        wanted = [found["killed"]["id"], found["cached"], found["failed"], *found["low"], found["urgent"]]
        traces = [(await client.retrieve(each)).trace_id for each in wanted]

    async def told_of_all() -> bool:
        return all(any(span.name == "job" for span in told.of(str(each))) for each in traces)

    await waiting.until(told_of_all, PATIENCE_S, every_s=0.2)
    return found | {"spans": [asdict(span) for each in dict.fromkeys(traces) for span in told.of(str(each))]}


def main(folder: Path) -> dict[str, Any]:
    """Start, play, read what was logged, stop."""
    with receiver() as told:
        os.environ.update(
            RAY_AUTH_MODE="disabled",
            OTEL_EXPORTER_OTLP_ENDPOINT=told.url,
            OTEL_BSP_SCHEDULE_DELAY="200",
            KINORAY_API_KEYS=json.dumps({"studio": KEY}),
            KINORAY_WEBHOOK_SECRET=WEBHOOK,
            KINORAY_WEBHOOK_ALLOW_HTTP="true",
            KINORAY_WEBHOOK_ALLOW_PRIVATE="true",
        )
        config = yaml.safe_load(CONFIG.read_text())
        config["applications"][0]["args"] = ARGS
        written = folder / "serve_config.yaml"
        written.write_text(yaml.safe_dump(config))
        settings = Settings(state_dir=folder / "state", port=free_port(), redis_url=None)
        service = LocalService(settings, written, Console(stderr=True))
        service.start()
        try:
            found = asyncio.run(scenario(service, told))
            read = partial(_logs, "--folder", str(service.logs))
            names = {name: found[name] for name in ("cached", "failed", "cancelled", "urgent")}
            names |= {"killed": found["killed"]["id"], "low": found["low"][0], "low2": found["low"][1]}
            found["logs"] = {name: read(job, "--json") for name, job in names.items()}
            found["shown"] = read(found["killed"]["id"])
            found["followed"] = read(found["killed"]["id"], "--follow")
            found["request"] = read("my-request-1", "--json")
            found["nothing"] = read("video_0123456789abcdef")
            dashboard = str(service.dashboard_url)
            found["dashboard"] = _logs(found["killed"]["id"], "--json", "--address", dashboard)
            found["planted"] = sorted(_planted(service.logs))
            found["folder"] = str(service.logs)
        finally:
            service.stop()
        return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))  # noqa: T201
