"""The same without Ray and HTTP: Dispatcher, worker, engine and batcher in this process, on memory stores.

Each forward SLEEPS as long as a device would take (`FakeDenoiser`); finishing is real.
"""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

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
from app.service.admission import admit
from app.service.background import Background
from app.service.similar_start import ReplicaCaches
from app.settings import Settings
from app.stores import Stores, memory_stores
from app.types import Estimate, Job, Phase
from app.worker.finishing import JobFinisher
from app.worker.parts import Measurements, ReplicaParts
from app.worker.ports import Timing
from app.worker.replica import Replica
from benchmarks.figures import at_most, spread
from tests.api.house import MODEL
from tests.dispatch.workers import Silent
from tests.jobs.make import PLAN

STEP_S: Final = 0.1
STEPS: Final = 20
ONE_FOR_ALL, BY_JOB = 0.0, 0.75
"""What each further job adds to a forward, as a part of one job's: of a device with room, of one that a job nearly
fills (as the built-in model on two cores: 27.7 ms for two, 15.8 for one, in `step_engine`)."""
ARMS: Final[dict[str, tuple[float, dict[str, Any]]]] = {
    "a slot": (ONE_FOR_ALL, {"max_batch": 1, "slots": 1}),
    "8 slots, batches of 4": (ONE_FOR_ALL, {"max_batch": 4, "slots": 8}),
    "8 slots, batches of 4, a device that one job nearly fills": (BY_JOB, {"max_batch": 4, "slots": 8}),
    "8 slots, no batches": (ONE_FOR_ALL, {"max_batch": 1, "slots": 8}),
}
PAUSE_S: Final = 4.3
"""Between two single jobs, so that they meet the others' jobs at different steps, and are no stream of jobs: the others
have as much of the device meanwhile as a job borrows."""


class _OneReplica:
    """The Workers and RollCall ports: all attempts go to one replica."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica

    async def run(self, pool: str, job_id: str, fence: int) -> None:
        await self._replica.run(job_id, fence)

    async def present(self, pool: str) -> Collection[str] | None:
        return [self._replica.name]


async def measure(jobs: int, tries: int) -> dict[str, Any]:
    """All arms."""
    return {name: await behind(Settings(**args), more, jobs, tries) for name, (more, args) in ARMS.items()}


async def behind(settings: Settings, more: float, jobs: int, tries: int) -> dict[str, Any]:
    """One tenant's single job, `tries` times alone, then as often behind another's `jobs`."""
    async with _at_work(settings, more) as stores:
        alone = [await _one(stores, settings, "single") for _ in range(tries + 1)][1:]
        for _ in range(jobs):
            await stores.jobs.create(_job("many"))
        beside = []
        for _ in range(tries):
            await asyncio.sleep(PAUSE_S)
            beside.append(await _one(stores, settings, "single"))
        left = len(await stores.jobs.waiting())
    ratio = statistics.median(took for took, _, _ in beside) / statistics.median(took for took, _, _ in alone)
    return {
        "total_over_alone": at_most(ratio, 2.0),
        "worst_over_alone": round(max(took for took, _, _ in beside) / statistics.median(t for t, _, _ in alone), 3),
        "alone_s": spread([took for took, _, _ in alone]),
        "beside_s": spread([took for took, _, _ in beside]),
        "wait_beside_s": spread([wait for _, wait, _ in beside]),
        "promised_s": spread([promised for _, _, promised in beside]),
        "still_waiting_of_the_others": left,
    }


async def _one(stores: Stores, settings: Settings, tenant: str) -> tuple[float, float, float]:
    """Seconds until it has ended, until its first step, and what was promised."""
    began, first, after = time.perf_counter(), 0.0, None
    job = _job(tenant)
    job = replace(job, promised_s=await admit(job, stores.board, settings))
    await stores.jobs.create(job)
    while True:
        for event in await stores.events.read(job.id, after, 60.0):
            after = event.id
            if event.kind == "step" and not first:
                first = time.perf_counter() - began
            if event.kind == "end":
                if (await stores.jobs.get(job.id)).phase is not Phase.COMPLETED:
                    raise RuntimeError(f"the single job ended as {event.data}")
                return time.perf_counter() - began, first, job.promised_s or 0.0


def _job(tenant: str) -> Job:
    name = uuid.uuid4().hex
    sampling = replace(PLAN.sampling, steps=STEPS, budget=STEPS)
    spec, cost = replace(PLAN.spec, frames=5), Estimate(STEPS * STEP_S, STEPS * STEP_S + 0.2)
    plan = replace(PLAN, prompt=name, spec=spec, sampling=sampling, estimate=cost)
    return Job(f"video_{name}", tenant, plan, Phase.QUEUED, time.time())


@asynccontextmanager
async def _at_work(settings: Settings, more: float) -> AsyncIterator[Stores]:
    stores, background = memory_stores(settings), Background()
    engine = Engine(FakeDenoiser(STEP_S, further=more), rules_of(settings))
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
    replica = Replica("replica1", "main", "replica_replica1", "profile", parts)
    await replica.start()
    workers = _OneReplica(replica)
    dispatcher = Dispatcher(settings, stores, workers, workers, Silent(), ("main",))
    dispatcher.start()
    try:
        yield stores
    finally:
        await dispatcher.close()
        await asyncio.to_thread(engine.close)
        await background.close()
