"""Deploys to a live service under load: what the operator's command says, and what becomes of accepted jobs, as JSON.

Run as a process of its own, which can be killed with all that it started:
`python -m tests.drills.deploys story FOLDER [NAME …]` (good, slip, model that does not load, slow start, cut off),
`… begin FOLDER` (midway in a deploy it prints what it has accepted, and waits for its end), `… again FOLDER JSON`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from app.settings import Settings
from cluster.gate import Place
from cluster.rollout import former
from tests import waiting
from tests.drills.nodes import SLEEPER, Nodes, config
from tests.drills.stats import replicas, until
from tests.ports import free_port

STEP_S, STEPS = 0.15, 24
EVERY_S = 1.5
BROKEN = "TextEncoder-words"
PATIENCE_S = 240.0
GATE_S = 400  # of a machine that others keep busy, too
ARGS: dict[str, Any] = {"pretend_step_s": STEP_S, "slots": 2, "checkpoint_every": 4, "lease_s": 10.0}
WISH: dict[str, Any] = {"steps": STEPS, "cache": {"mode": "off"}, "seed": -1}

Config = dict[str, Any]


def service_in(folder: Path) -> Nodes:
    """Two replicas on two nodes with a GPU each, beside a head without."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(state_dir=folder / "state", port=free_port(), redis_url=None)
    path = config(folder, ARGS, {"num_replicas": 2, "ray_actor_options": SLEEPER})
    return Nodes(settings, path, nodes=2, console=Console(stderr=True))


class Load:
    """A job every moment, until somebody has had enough."""

    def __init__(self, client: Kinoray) -> None:
        self.ids: list[str] = []
        self.refused = 0
        self._client = client
        self._over = asyncio.Event()

    async def run(self) -> None:
        while not self._over.is_set():
            try:
                self.ids.append((await self._client.create(f"job {len(self.ids)}", **WISH)).id)
            except KinorayClientError:  # said to the client, and so not accepted
                self.refused += 1
            try:
                await asyncio.wait_for(self._over.wait(), EVERY_S)
            except asyncio.TimeoutError:
                continue

    def stop(self) -> None:
        self._over.set()


@asynccontextmanager
async def under_load(client: Kinoray) -> AsyncIterator[Load]:
    load = Load(client)
    running = asyncio.create_task(load.run())
    try:
        await waiting.until(lambda: _enough(load, 4), PATIENCE_S, every_s=0.2)
        yield load
    finally:
        load.stop()
        await running


async def _enough(load: Load, count: int) -> bool:
    return len(load.ids) >= count


class Deploy:
    """What an operator types, as a process."""

    def __init__(self, service: Nodes, folder: Path) -> None:
        assert service.redis is not None
        self.place = Place(service.dashboard_url or "", service.url)
        self._redis, self._folder = service.redis.url, folder
        self._process: asyncio.subprocess.Process | None = None

    async def serving(self) -> Config:
        found = former(await self.place.details())
        assert found is not None
        return found

    async def begin(self, wanted: Config, *more: str) -> None:
        path = self._folder / "wanted.yaml"
        path.write_text(yaml.safe_dump(wanted))
        where = ["--address", self.place.dashboard, "--url", self.place.url, "--redis-url", self._redis]
        kept = ["--folder", str(self._folder / "backups"), "--timeout-s", str(GATE_S)]
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cluster.deploy", "apply", str(path), *where, *kept, *more),
            stderr=asyncio.subprocess.PIPE,
        )

    async def says(self, word: str) -> None:
        """Return when it has said a line with that word."""
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if word in line.decode():
                return
        raise RuntimeError(f"it never said {word}")

    async def ended(self) -> tuple[int, str]:
        """The exit status, and what it said."""
        assert self._process is not None
        _, said = await self._process.communicate()
        return self._process.returncode or 0, said.decode()[-1500:]

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()


def changed(wanted: Config, name: str, **values: Any) -> Config:
    """A copy of the config with another row for a deployment."""
    copy: Config = yaml.safe_load(yaml.safe_dump(wanted))
    (row,) = [row for row in copy["applications"][0]["deployments"] if row["name"] == name]
    row.update(values)
    return copy


def with_broken_model(wanted: Config, folder: Path) -> Config:
    """A second model: all that is looked at before a start is well, and it cannot be loaded.

    Its text encoder has to be loaded though steps are pretended, and is a deployment of its own.
    """
    from tests.engine.families.saved import save_t2v

    save_t2v(folder / "words")
    (folder / "words" / "tokenizer" / "tokenizer.json").write_text("{")
    copy: Config = yaml.safe_load(yaml.safe_dump(wanted))
    (application,) = copy["applications"]
    built_in = {"id": "kinoray-shapes", "family": "embedded", "source": "embedded"}
    words = {"id": "words", "family": "wan2.1-t2v-1.3b", "source": str(folder / "words"), "sizes": [[32, 16]]}
    words["text_encoder"] = "shared"
    application["args"] = {**application["args"], "models": [built_in, {**words, "frames": [5, 9]}]}
    row = {"max_ongoing_requests": 64, "ray_actor_options": {"num_cpus": 0.1}}
    application["deployments"] += [{**row, "name": name} for name in ("Diffuser-words", BROKEN)]
    return copy


async def _row(client: Kinoray, job_id: str) -> dict[str, Any]:
    """How a job ended. `redone`: steps that were told before it went back, if it did so once, and done again."""
    video = await client.wait(job_id, timeout_s=PATIENCE_S)
    reached = back = ends = 0
    async for event in client.events(job_id):
        ends += event.kind == "end"
        if event.data.get("phase") == "queued" and reached:
            back += 1
        if event.kind == "step":
            step = int(event.data["step"])
            reached = max(reached, step) if not back else reached
    redone = max(0, reached - (video.resumed_from_step or 0)) if back == 1 else 0
    return {"status": video.status, "back": back, "redone": redone, "ends": ends}


async def drill(client: Kinoray, act: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Something done to the service under load, and what became of all that was accepted meanwhile."""
    async with under_load(client) as load:
        found = await act()
    rows = [await _row(client, job_id) for job_id in load.ids]
    counted = {
        **found,
        "accepted": len(rows),
        "refused": load.refused,
        "completed": sum(row["status"] == "completed" for row in rows),
        "ended_once": sum(row["ends"] == 1 for row in rows),
        "handed_back": sum(row["back"] for row in rows),
        "steps_redone": sum(row["redone"] for row in rows),
    }
    sys.stderr.write(f"{counted}\n")
    return counted


async def story(service: Nodes, folder: Path, *wanted: str) -> dict[str, Any]:
    """All deploys of which the service sees the end, or those that are named."""
    await until(service.url, lambda told: len(replicas(told)) == 2)
    deploy = Deploy(service, folder)
    first = before = await deploy.serving()
    newer = changed(first, "Diffuser", ray_actor_options={**SLEEPER, "num_cpus": 0.15})

    async def deployed(config: Config) -> dict[str, Any]:
        await deploy.begin(config)
        status, said = await deploy.ended()
        now = await deploy.serving()
        return {"status": status, "said": said, "as_wanted": now == config, "as_before": now == before}

    async def slow() -> dict[str, Any]:
        await deploy.begin(more)
        await deploy.says("not ready: Diffuser")
        service.add_node()  # not on a thread: Ray wants to hear signals
        status, said = await deploy.ended()
        return {"status": status, "said": said, "as_wanted": await deploy.serving() == more}

    async def cut_off() -> dict[str, Any]:
        await deploy.begin(newest)
        await deploy.says("DEPLOYING")
        await deploy.kill()
        return await deployed(newest)

    newest = changed(first, "Diffuser", ray_actor_options={**SLEEPER, "num_cpus": 0.2})
    slip, broken = changed(newer, "Diffuser", max_ongoing_request=64), with_broken_model(first, folder)
    more = changed(first, "Diffuser", num_replicas=3)
    acts: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
        "good": lambda: deployed(newer),
        "slip": lambda: deployed(slip),
        "model": lambda: deployed(broken),
        "slow": slow,
        "cut_off": cut_off,
    }
    found: dict[str, Any] = {}
    async with Kinoray(service.url, timeout_s=60, retries=8) as client:
        for name in wanted or acts:
            before = await deploy.serving()
            found[name] = await drill(client, acts[name])
    return found


async def begin(service: Nodes, folder: Path) -> dict[str, Any]:
    """Jobs, accepted before and in the middle of a deploy."""
    await until(service.url, lambda told: len(replicas(told)) == 2)
    deploy = Deploy(service, folder)
    wanted = changed(await deploy.serving(), "Diffuser", ray_actor_options={**SLEEPER, "num_cpus": 0.15})
    async with Kinoray(service.url, timeout_s=60, retries=8) as client, under_load(client) as load:
        await deploy.begin(wanted)
        await deploy.says("DEPLOYING")
        await waiting.until(lambda: _enough(load, 6), PATIENCE_S, every_s=0.2)
    return {"ids": load.ids}


async def again(service: Nodes, ids: list[str]) -> dict[str, Any]:
    """What becomes of them at the next start, from what the disk holds."""
    async with Kinoray(service.url, timeout_s=60, retries=8) as client:
        return {"jobs": [await _row(client, job_id) for job_id in ids]}


def main(verb: str, folder: Path, *told: str) -> None:
    """Start, act, say, stop."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    service = service_in(folder)
    try:
        service.start()
        if verb == "again":
            found = asyncio.run(again(service, json.loads(told[0])["ids"]))
        else:
            found = asyncio.run(story(service, folder, *told) if verb == "story" else begin(service, folder))
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
        if verb == "begin":
            sys.stdin.read()  # until whoever started this is gone
    finally:
        service.stop()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
