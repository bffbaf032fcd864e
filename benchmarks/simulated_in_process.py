"""The same without Ray and HTTP: dispatcher, replicas and engines in this process on a real Redis, and the simulation.

Each forward SLEEPS as long as a device would take (`FakeDenoiser`), so that what these cores do besides matters little;
finishing is real. The trace is the one that the service would export, the step times those its replicas tell.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
import uuid
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any, Final

from rich.console import Console

from app.cache.memory import MemoryCache
from app.cache.results import ResultCache
from app.cache.similar import MemorySimilar
from app.dispatch.dispatcher import Dispatcher
from app.engine.fake import FakeDenoiser
from app.engine.loop import Engine
from app.engine.timing.overhead import Overhead
from app.engine.timing.power import Power
from app.line.rules import rules_of
from app.plan.sentences import WordSentences
from app.redis.connection import connect
from app.service.admission import admit
from app.service.background import Background
from app.service.similar_start import ReplicaCaches
from app.service.trace import trace_page
from app.settings import Settings
from app.stores import Stores, stores_on
from app.types import Estimate, Job, Phase, Wishes
from app.worker.finishing import JobFinisher
from app.worker.parts import Measurements, ReplicaParts
from app.worker.ports import Timing
from app.worker.replica import Replica
from benchmarks.figures import spread
from benchmarks.simulated import PRIORITIES, SHARES, STEPS, compared, figures_of_rows, simulated
from cluster.redis import LocalRedis
from tests.api.house import MODEL
from tests.dispatch.workers import Silent
from tests.jobs.make import PLAN

REPLICAS: Final = 8
STEP_S: Final = 1.0  # so long that what a busy machine adds to a job is little beside it
ARMS: Final[dict[str, tuple[tuple[str, ...], int, float]]] = {  # classes, tenants, share of the replicas' time
    "one class": (("normal",), 1, 0.7),
    "three classes, three tenants": (PRIORITIES, 3, 0.7),
}
ARGS: Final[dict[str, Any]] = {"max_batch": 1, "slots": 1, "max_wait_s": 3600.0}


class _LeastBusy:
    """The Workers and RollCall ports over several replicas, as `deployments.least_busy` chooses."""

    def __init__(self, replicas: Mapping[str, Replica]) -> None:
        self._replicas = replicas
        self._busy: Counter[str] = Counter()

    async def run(self, pool: str, job_id: str, fence: int) -> None:
        drawn = random.sample(sorted(self._replicas), len(self._replicas))
        name = min(drawn, key=lambda name: self._busy[name])
        self._busy[name] += 1
        try:
            await self._replicas[name].run(job_id, fence)
        finally:
            self._busy[name] -= 1

    async def present(self, pool: str) -> Collection[str] | None:
        return list(self._replicas)


async def measure(jobs: int, console: Console) -> dict[str, Any]:
    """Of each arm `jobs` requests at random times, and the same again on virtual time."""
    found: dict[str, Any] = {}
    for name, arm in ARMS.items():
        with tempfile.TemporaryDirectory() as folder:
            server = LocalRedis(Path(folder))
            server.start()
            try:
                found[name] = await _measure(server.url, Path(folder), jobs, arm, console)
            finally:
                server.stop()
    return found


async def _measure(
    url: str, folder: Path, jobs: int, arm: tuple[tuple[str, ...], int, float], console: Console
) -> dict[str, Any]:
    settings = Settings(artifacts_url=f"file://{folder}/artifacts", **ARGS)
    client = connect(url, 60.0)
    stores = stores_on(client, settings)
    async with _at_work(settings, stores):
        for number in range(2 * REPLICAS):  # every part is warm, and the replicas know what a job takes
            await _accept(stores, settings, STEPS[number % len(STEPS)], "normal", "first")
        await _over(stores)
        began = time.time()
        await _load(stores, settings, jobs, *arm)
        await _over(stores)
        rows = [asdict(row) for row in (await trace_page(stores.jobs, stores.board, None, 10_000)).rows]
        told = [asdict(replica) for replica in await stores.jobs.replicas()]
    await client.aclose()
    rows = [row for row in rows if row["at"] >= began]
    (folder / "stats.json").write_text(json.dumps({"replicas": told}))
    (folder / "trace.jsonl").write_text("\n".join(json.dumps(row) for row in sorted(rows, key=lambda row: row["at"])))
    served, again = figures_of_rows(rows), simulated(folder, REPLICAS)
    console.print(f"[dim]served {served}\nsimulated {again}[/dim]")
    return {
        "jobs": len(rows),
        "replicas": REPLICAS,
        **compared(again, served),
        "simulated": again,
        "served": served,
        "service": _service(rows),
        "rows": [[row["at"], row["steps"], row["priority"], row["wait_s"], row["latency_s"]] for row in rows],
    }


def _service(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Seconds from start to end by steps, and from an end to the start of the next who waited for it."""
    ends, gaps = sorted(row["at"] + row["latency_s"] for row in rows), list[float]()
    for row in rows:
        start = row["at"] + row["wait_s"]
        before = bisect_right(ends, start + 0.001)
        if row["wait_s"] > 1.0 and before:
            gaps.append(start - ends[before - 1])
    took = {
        steps: spread([row["latency_s"] - row["wait_s"] for row in rows if row["steps"] == steps]) for steps in STEPS
    }
    return {"took_s": took, "turnaround_s": spread(gaps) if gaps else None}


async def _load(
    stores: Stores, settings: Settings, jobs: int, classes: Sequence[str], tenants: int, at_work: float
) -> None:
    dice = Random(22)
    mean_s = STEP_S * sum(steps * share for steps, share in zip(STEPS, SHARES, strict=True)) / sum(SHARES)
    at = time.monotonic()
    for _ in range(jobs):
        at += dice.expovariate(at_work * REPLICAS / mean_s)
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        steps = dice.choices(STEPS, SHARES)[0]
        await _accept(stores, settings, steps, dice.choice(classes), f"tenant-{dice.randrange(tenants)}")


async def _accept(stores: Stores, settings: Settings, steps: int, priority: str, tenant: str) -> None:
    name = uuid.uuid4().hex
    sampling = replace(PLAN.sampling, steps=steps, budget=steps)
    spec, cost = replace(PLAN.spec, frames=5), Estimate(steps * STEP_S, steps * STEP_S + 0.2)
    plan = replace(PLAN, prompt=name, spec=spec, sampling=sampling, estimate=cost)
    job = Job(f"video_{name}", tenant, plan, Phase.QUEUED, time.time(), wishes=Wishes(priority=priority))
    job = replace(job, promised_s=await admit(job, stores.board, settings))
    await stores.jobs.create(job)


async def _over(stores: Stores) -> None:
    """Nothing waits or runs any more."""
    while await stores.jobs.waiting() or await stores.jobs.leases():
        await asyncio.sleep(0.5)


@asynccontextmanager
async def _at_work(settings: Settings, stores: Stores) -> AsyncIterator[None]:
    background, engines, replicas = Background(), list[Engine](), dict[str, Replica]()
    for number in range(REPLICAS):
        engine, name = Engine(FakeDenoiser(STEP_S), rules_of(settings)), f"replica{number}"
        caches = ReplicaCaches(MemoryCache(2**24), MemorySimilar(), WordSentences())
        parts = ReplicaParts(
            settings=settings,
            model=MODEL,
            stores=stores,
            engine=engine,
            encoder=None,
            caches=caches,
            finishing=JobFinisher(stores, settings, ResultCache(caches.cache), background, time.monotonic),
            measurements=Measurements(Overhead(), Power(None)),
            background=background,
            timing=Timing(time.monotonic, asyncio.sleep),
        )
        replicas[name] = Replica(name, "main", f"replica_{name}", f"profile_{name}", parts)
        engines.append(engine)
        await replicas[name].start()
    workers = _LeastBusy(replicas)
    dispatcher = Dispatcher(settings, stores, workers, workers, Silent(), ("main",))
    dispatcher.start()
    try:
        yield
    finally:
        await dispatcher.close()
        for engine in engines:
            await asyncio.to_thread(engine.close)
        await background.close()
