"""A replica's surroundings in one process: memory stores, the fake denoiser, and time that only the test moves."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Any

from app.cache.memory import MemoryCache
from app.cache.results import ResultCache
from app.cache.similar import MemorySimilar
from app.engine.fake import FakeDenoiser
from app.engine.loop import Engine
from app.engine.memory.pressure import FixedMemory, MemoryMonitor
from app.engine.timing.overhead import Overhead
from app.engine.timing.power import Power
from app.errors import WorkerLost
from app.line.pressure import Limits
from app.line.rules import Rules
from app.plan.sentences import WordSentences
from app.service.background import Background
from app.service.similar_start import ReplicaCaches
from app.settings import Settings
from app.stores import Stores, memory_stores
from app.types import Event, Job
from app.worker.attempt import Attempt
from app.worker.finishing import JobFinisher
from app.worker.parts import Measurements, ReplicaParts
from app.worker.ports import Finishing, Timing
from app.worker.replica import Replica
from tests.api.house import MODEL
from tests.engine.gate import Gate
from tests.jobs.make import PLAN, a_job

SHORT = replace(PLAN, spec=replace(PLAN.spec, frames=5), sampling=replace(PLAN.sampling, steps=6, budget=6))
ABLE = replace(MODEL, takes_image=True, makes_sound=True, lora_uploads=True)  # whatever a test's plans ask for
EPOCH_S = 5000.0  # what the stores' clock says when a test begins: far from this machine's


class Time:
    """Seconds that `advance` moves; who sleeps wakes when they are over."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._falls_asleep = asyncio.Event()

    def monotonic(self) -> float:
        return self.now

    def unix(self) -> float:
        return EPOCH_S + self.now

    async def sleep(self, seconds: float) -> None:
        awake = asyncio.get_running_loop().create_future()
        self.slept.append(seconds)
        self._sleepers.append((self.now + seconds, awake))
        self._falls_asleep.set()
        await awake

    async def asleep(self) -> None:
        """Until somebody sleeps."""
        while not any(not awake.done() for _, awake in self._sleepers):
            self._falls_asleep.clear()
            await self._falls_asleep.wait()

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for due, awake in self._sleepers:
            if due <= self.now and not awake.done():
                awake.set_result(None)


class Workplace:
    """What a replica and its attempts work with. The device stops in each forward only after `gate.free = False`."""

    def __init__(
        self,
        stores: Stores | None = None,
        finishing: Finishing | None = None,
        caches: ReplicaCaches | None = None,
        time: Time | None = None,
        checkpoint_every: int = 0,
        **settings: Any,
    ) -> None:
        self.time = time or Time()
        self.gate = Gate()
        self.gate.free = True
        self.settings = Settings(**settings)
        self.stores = stores or memory_stores(self.settings, self.time.unix, self.time.monotonic)
        self.denoiser = FakeDenoiser(0.1, sleep=self.gate)
        self.memory = FixedMemory()
        limits = Limits(0.8, 0.9)
        self.engine = Engine(
            self.denoiser,
            Rules(max_batch=2, slots=self.settings.slots, checkpoint_every=checkpoint_every),
            self.gate.clock,
            MemoryMonitor(self.memory, limits, limits, self.gate.clock, every_s=0.0),
        )
        background, caches = Background(), caches or ReplicaCaches(MemoryCache(2**24), MemorySimilar(), WordSentences())
        results = ResultCache(caches.cache)
        finisher = JobFinisher(self.stores, self.settings, results, background, self.time.monotonic)
        self.parts = ReplicaParts(
            settings=self.settings,
            model=ABLE,
            stores=self.stores,
            engine=self.engine,
            encoder=None,
            caches=caches,
            finishing=finishing or finisher,
            measurements=Measurements(Overhead(), Power(None)),
            background=background,
            timing=Timing(self.time.monotonic, self.time.sleep),
        )

    def replica(self, name: str = "replica01") -> Replica:
        return Replica(name, "main", f"replica_{name}", "profile", self.parts)

    async def leased(self, **changed: Any) -> tuple[Job, int]:
        """A job in its first phase, and its fence."""
        job = a_job(self.time.unix(), **{"plan": SHORT, **changed})
        await self.stores.jobs.create(job)
        return job, await self.lease(job)

    async def engine_takes_nothing_more(self) -> None:
        """Until the engine has been told to end: jobs stop after the step that is under way."""
        with contextlib.suppress(WorkerLost):
            while True:
                self.engine.encode(["a"])
                await asyncio.sleep(0)

    async def lease(self, job: Job) -> int:
        return (await self.stores.jobs.lease(job.id, "main", self.settings.lease_s, self.time.unix())).fence

    async def run(self, **changed: Any) -> Job:
        """A job's first attempt, from its lease to its end; the record afterwards."""
        job, fence = await self.leased(**changed)
        await Attempt(job.id, fence, self.parts).run()
        return await self.stores.jobs.get(job.id)

    async def events(self, job: Job) -> list[Event]:
        return list(await self.stores.events.read(job.id, None, 0.0))

    async def forward(self) -> None:
        """Until a forward is under way."""
        await asyncio.to_thread(self.gate.wait)

    async def close(self) -> None:
        self.gate.release()
        await asyncio.to_thread(self.engine.close)
        await self.parts.background.close()
