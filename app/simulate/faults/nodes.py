"""The processes of a simulated service: what each deployment is made of, from the same parts, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import httpx
import numpy as np
from numpy.typing import NDArray

from app.cache.results import ResultCache
from app.cache.similar import MemorySimilar
from app.dispatch.dispatcher import Dispatcher
from app.dispatch.routing import drain_signal
from app.engine.timing.overhead import Overhead
from app.engine.timing.power import Power
from app.errors import DeviceOutOfMemory
from app.line.rules import rules_of
from app.plan.sentences import WordSentences
from app.service.background import Background
from app.service.pools import DIFFUSER
from app.service.ports import Ports
from app.service.similar_start import ReplicaCaches
from app.service.videos import VideoService
from app.simulate.engine import VirtualEngine
from app.simulate.faults.network import VirtualFinishing, VirtualWorkers
from app.simulate.faults.node import Node
from app.simulate.faults.planner import MODELS, QuickPlanner
from app.simulate.faults.remote import DyingProcess
from app.simulate.faults.scenario import ActionKind
from app.storyboards.memory_work import MemoryFilmWork
from app.storyboards.storyboards import Storyboards
from app.types import Measured
from app.types.waveform import Waveform
from app.video.finish import File, Shown
from app.webhooks.delivery import WebhookDeliveries
from app.webhooks.send import Answer
from app.worker.finishing import JobFinisher
from app.worker.parts import Measurements, ReplicaParts
from app.worker.ports import StoredDraft, Timing
from app.worker.replica import Replica
from app.worker.starting import Start

if TYPE_CHECKING:
    from app.simulate.faults.world import World

DECODE_S = 0.05
LOADED_S = 3.0  # what the start of a replica takes at most, of a pool that scales
PILED = 3  # attempts more than another replica of the pool has; calls on their way make a difference of one or two


def _busy() -> bool:
    """A start makes progress as long as it lasts."""
    return True


class RouterNode(Node):
    """Answers clients; goes on with storyboards."""

    service: VideoService
    boards: Storyboards

    async def begin(self) -> None:
        stores, world = self.stores, self.world
        planner = QuickPlanner(world.scenario.step_s)
        ports = Ports.over(stores, planner, self.cache, tuple(MODELS.values()), WordSentences())
        self.service = VideoService(ports, world.settings, stores.clock, stores.clock.sync, world.draw_id)
        self.boards = Storyboards(self.service, MemoryFilmWork(stores.storyboards, stores.artifacts))
        if any(action.kind is ActionKind.STORY for action in world.scenario.actions):  # else it would look in vain
            self.boards.start()

    def check(self) -> None:
        self.boards.director.check()


class DispatcherNode(Node):
    """Decides; tells receivers of webhooks."""

    dispatcher: Dispatcher

    async def begin(self) -> None:
        world, stores = self.world, self.stores
        workers = VirtualWorkers(world.network, self.process, world.replica_nodes, world.rng("workers"))
        deliveries = WebhookDeliveries(
            stores, world.settings, VirtualPost(world, self.process), stores.clock, world.rng("webhooks").random
        )
        pools = tuple(pool for pool, _ in world.scenario.pools)
        self.dispatcher = Dispatcher(
            *(world.settings, stores, workers, workers, deliveries, pools, self.monotonic),
            name=self.name if world.scenario.dispatchers > 1 else "",
        )
        self.dispatcher.start()

    def check(self) -> None:
        self.dispatcher.check()


class VirtualPost:
    """Posts to receivers, who may be away, or not answer although they have heard."""

    def __init__(self, world: World, process: DyingProcess) -> None:
        self._world = world
        self._process = process

    async def post(self, url: httpx.URL, content: bytes, headers: Mapping[str, str]) -> Answer:
        world = self._world
        self._process.called(behind=False)
        await asyncio.sleep(world.draws.expovariate(1 / 0.05))
        self._process.called(behind=False)
        if world.receiver_away:
            heard = world.draws.random() < 0.5
            if heard:
                world.told.hear(headers["webhook-id"], content)
            return Answer(error="timeout") if heard else Answer(status=500)
        world.told.hear(headers["webhook-id"], content)
        await asyncio.sleep(0.01)
        return Answer(status=200)


class ReplicaNode(Node):
    """Makes videos."""

    replica: Replica
    engine: VirtualEngine

    def __init__(self, place: str, pool: str, world: World, asked: bool = True) -> None:
        super().__init__(place, world)
        self.pool = pool
        self.asked = asked

    async def begin(self) -> None:
        start = Start(
            self.stores.board, self.stores.clock, (self.pool,), DIFFUSER, MODELS[self.pool].id, self.name, _busy
        )
        async with start.told():
            await self._load()
            await self._begin_replica()

    async def _load(self) -> None:
        """As weights are read: it takes its time, and fails where starts fail."""
        world = self.world
        if self.pool in world.settings.replicas and world.loop.now > 0.0:
            await asyncio.sleep(world.draws.uniform(0.5, LOADED_S))
        if world.starts_fail and world.draws.random() < 0.7:
            raise DeviceOutOfMemory("The weights do not fit.")

    async def _begin_replica(self) -> None:
        world, stores, settings = self.world, self.stores, self.world.settings
        step_s, draws = world.scenario.step_s, world.rng(f"steps of {self.name}")

        def step_seconds(shape: Sequence[int], batch: int) -> float:
            return step_s * (0.6 + 0.4 * batch) * draws.uniform(0.95, 1.05)

        self.engine = VirtualEngine(rules_of(settings), step_seconds, DECODE_S, self.monotonic)
        world.loop.start(self.process, self._watched(self.engine.run()))
        parts = ReplicaParts(
            settings=settings,
            model=MODELS[self.pool],
            stores=stores,
            engine=self.engine,
            encoder=None,
            caches=ReplicaCaches(self.cache, MemorySimilar(), WordSentences()),
            finishing=VirtualFinishing(world.network, self.process, world.finisher_nodes, world.rng("finishing")),
            measurements=Measurements(Overhead(), Power(None)),
            timing=Timing(self.monotonic, asyncio.sleep),
        )
        self.replica = Replica(self.name, self.pool, drain_signal(self.name), f"profile:{self.pool}", parts)
        await self.replica.start()

    async def run(self, job_id: str, fence: int) -> None:
        """One attempt."""
        world, mine = self.world, len(self.replica.attempts)
        others = [len(node.replica.attempts) for node in world.replica_nodes() if node.pool == self.pool]
        piled = (
            not world.shaken and self.pool not in world.settings.replicas and mine - min(others, default=mine) >= PILED
        )
        world.watch.demand(not piled, f"attempts pile up on {self.name}, which has {mine}")
        await self.replica.run(job_id, fence)

    def check(self) -> None:
        if not self.replica.leaving:
            self.replica.check()


class FinisherNode(Node):
    """Stores videos and closes jobs."""

    finisher: JobFinisher

    async def begin(self) -> None:
        self.finisher = JobFinisher(
            self.stores, self.world.settings, ResultCache(self.cache), Background(), self.monotonic, encode, lambda: 0
        )

    async def finish(
        self,
        job_id: str,
        fence: int,
        frames: NDArray[np.uint8],
        measured: Measured,
        heard: Waveform | None = None,
    ) -> None:
        """As the port."""
        await self.finisher.finish(job_id, fence, frames, measured, heard)

    async def draft(self, job_id: str, fence: int, frames: NDArray[np.uint8]) -> StoredDraft:
        """As the port."""
        return await self.finisher.draft(job_id, fence, frames)


def encode(frames: NDArray[np.uint8], fps: int, shown: Shown | None, heard: Waveform | None = None) -> dict[str, File]:
    """The files of a video without a codec: its frames as they are, and its sound."""
    sound = {} if heard is None else {"audio": File(heard.samples.tobytes(), "audio/mp4", ".m4a")}
    return {
        **sound,
        "video": File(frames.tobytes(), "video/mp4", ".mp4"),
        "thumbnail": File(frames.tobytes()[:3], "image/webp", ".webp"),
    }
