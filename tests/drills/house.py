"""A Dispatcher and a replica as a process of their own over a real Redis, without Ray: it can be killed as one.

`python -m tests.drills.house URL PREFIX FOLDER RUN` says "ready" and works until it is killed. Its denoiser is the fake
one, whose videos differ a little from run to run, as those of a device do in other batches.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from app.cache.memory import MemoryCache
from app.cache.results import ResultCache
from app.cache.similar import MemorySimilar
from app.dispatch.dispatcher import Dispatcher
from app.dispatch.ports import AttemptLost
from app.engine.denoiser import Frames, JobState
from app.engine.fake import FakeDenoiser
from app.engine.loop import Engine
from app.engine.memory.pressure import FixedMemory, MemoryMonitor
from app.engine.timing.overhead import Overhead
from app.engine.timing.power import Power
from app.errors import KinorayError
from app.line.pressure import Limits
from app.line.rules import Rules
from app.plan.sentences import WordSentences
from app.service.background import Background
from app.service.similar_start import ReplicaCaches
from app.settings import Settings
from app.stores import open_stores
from app.worker.finishing import JobFinisher
from app.worker.parts import Measurements, ReplicaParts
from app.worker.replica import Replica
from tests.api.house import MODEL

STEP_S = 0.02
SLOTS = 2


def settings_of(url: str, prefix: str, folder: Path) -> Settings:
    """Those of the service that the house is of."""
    artifacts = (folder / "artifacts").as_uri()
    return Settings(redis_url=url, redis_prefix=prefix, artifacts_url=artifacts, default_model="shapes", slots=SLOTS)


class Wavering(FakeDenoiser):
    """The same plan gives other bits in each run."""

    def __init__(self, run: int) -> None:
        super().__init__(STEP_S)
        self._run = run

    def decode(self, state: JobState) -> Frames:
        frames = super().decode(state)
        frames[:, :8, :8] = np.uint8(40 * self._run % 256)
        return frames


class Here:
    """The Workers, RollCall and Deliveries ports of one replica in this process."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica

    async def run(self, pool: str, job_id: str, fence: int) -> None:
        try:
            await self._replica.run(job_id, fence)
        except KinorayError as error:
            raise AttemptLost(error.message) from error

    async def present(self, pool: str) -> Collection[str] | None:
        return None

    async def due(self, now: float) -> Sequence[str]:
        return ()

    async def deliver(self, job_id: str) -> None:
        raise AssertionError("nothing is due")


async def work(settings: Settings, run: int) -> None:
    """Start, say so, and work without end."""
    stores, background = open_stores(settings), Background()
    rules, limits = Rules(max_batch=2, slots=SLOTS, checkpoint_every=4), Limits(0.8, 0.9)
    engine = Engine(Wavering(run), rules, memory=MemoryMonitor(FixedMemory(), limits, limits, time.monotonic))
    caches = ReplicaCaches(MemoryCache(2**24), MemorySimilar(), WordSentences())
    parts = ReplicaParts(
        settings=settings,
        model=MODEL,
        stores=stores,
        engine=engine,
        encoder=None,
        caches=caches,
        finishing=JobFinisher(stores, settings, ResultCache(caches.cache), background),
        measurements=Measurements(Overhead(), Power(None)),
        background=background,
    )
    replica = Replica(f"replica{run}", "main", f"replica_{run}", "profile", parts)
    await replica.start()
    here = Here(replica)
    Dispatcher(settings, stores, here, here, here, ("main",)).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(settings_of(sys.argv[1], sys.argv[2], Path(sys.argv[3])), int(sys.argv[4])))
