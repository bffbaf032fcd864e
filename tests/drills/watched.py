"""A service that is watched: API, Dispatcher and a replica over a real Redis, and the exporters beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from app.api.app import create_app
from app.cache.redis import RedisCache
from app.cache.results import ResultCache
from app.cache.similar import NoSimilar
from app.dispatch.cluster_watch import ClusterView
from app.dispatch.dispatcher import Dispatcher
from app.dispatch.ports import AttemptLost
from app.engine.fake import FakeDenoiser
from app.engine.loop import Engine
from app.engine.timing.overhead import Overhead
from app.engine.timing.power import GpuReading, Power
from app.jobs.redis.meter import BackgroundMeter
from app.line.rules import Rules
from app.plan.sentences import WordSentences
from app.redis.connection import connect
from app.service.background import Background
from app.service.ports import Ports
from app.service.similar_start import ReplicaCaches
from app.service.videos import VideoService
from app.settings import Settings
from app.stores import stores_on
from app.worker.finishing import JobFinisher
from app.worker.parts import Measurements, ReplicaParts
from app.worker.replica import Replica
from app.worker.starting import Start
from cluster.redis import LocalRedis
from tests.api.house import MODEL, Plans
from tests.dispatch.workers import Silent
from tests.ports import free_port
from tests.waiting import until

SIDE = replace(MODEL, id="words", pool="side")  # a second model, in a pool that is asleep by design
QUICK_S = 0.002  # of a step
PRICE = 1800.0  # per device hour: a second of the device costs half a unit


class Ray:
    """What Ray's and Redis's exporters would say: fed by the drill, since no GPU, no second node and no
    redis_exporter is on this machine. The endpoint, the scrape and all that follows are real."""

    def __init__(self) -> None:
        self.port = free_port()
        registry = CollectorRegistry(auto_describe=False)
        self.registry = registry

        def gauge(name: str, *labels: str) -> Gauge:
            return Gauge(name, name, labels, registry=registry)

        self.healthy = gauge("ray_serve_deployment_replica_healthy", "application", "deployment", "replica")
        self.gpu_use = gauge("ray_node_gpus_utilization", "GpuIndex")
        self.gpu_memory = gauge("ray_node_gram_used", "GpuIndex")
        self.cpu = gauge("ray_node_cpu_utilization")
        self.memory = gauge("ray_node_mem_used")
        self.memory_total = gauge("ray_node_mem_total")
        self.disk_free = gauge("ray_node_disk_free")
        self.disk_used = gauge("ray_node_disk_usage")
        self.killed = Counter("ray_memory_manager_worker_eviction", "killed", ("Type",), registry=registry)
        buckets = (10, 100, 1000, 10_000)
        self.latency = Histogram(
            "ray_serve_http_request_latency_ms", "ms", ("route",), registry=registry, buckets=buckets
        )
        self.errors = Counter("ray_serve_num_http_error_requests", "errors", ("error_code",), registry=registry)
        self.redis_up = gauge("redis_up")
        self.redis_used = gauge("redis_memory_used_bytes")
        self.redis_most = gauge("redis_memory_max_bytes")
        self.well()
        self._server: Any = None

    def well(self) -> None:
        """Nothing is amiss."""
        self.healthy.labels("kinoray", "Diffuser", "r1").set(1)
        self.gpu_use.labels("0").set(80)
        self.gpu_memory.labels("0").set(40_000)
        self.cpu.set(30)
        self.memory.set(50)
        self.memory_total.set(100)
        self.disk_free.set(60)
        self.disk_used.set(40)
        self.redis_up.set(1)
        self.redis_used.set(10)
        self.redis_most.set(100)
        self.latency.labels("/").observe(50)
        self.errors.labels("404").inc()

    def start(self) -> None:
        self._server, _ = start_http_server(self.port, "127.0.0.1", self.registry)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Placed:
    """The Cluster port: what Ray would say of nodes and places, fed by the drill."""

    def __init__(self) -> None:
        self.view = ClusterView(alive=2, lost=0)

    async def look(self) -> ClusterView | None:
        return self.view


@dataclass
class Device:
    """The fake denoiser's sleep: how long a step takes, and whether any ends at all."""

    step_s: float = QUICK_S
    held: bool = False

    def __call__(self, _: float) -> None:
        time.sleep(self.step_s)
        while self.held:
            time.sleep(0.02)


class Workers:
    """The Workers and RollCall ports over the replicas in this process."""

    def __init__(self) -> None:
        self.replica: Replica | None = None
        self.dies = False

    async def run(self, pool: str, job_id: str, fence: int) -> None:
        if self.dies or self.replica is None:
            raise AttemptLost("ActorDiedError", replica_at_fault=self.dies)
        await self.replica.run(job_id, fence)

    async def present(self, pool: str) -> Collection[str] | None:
        return [self.replica.name] if self.replica is not None and pool == "main" else []


class Watched:
    """All of it, in this process; `redis`, `device`, `workers`, `cluster` and `ray` are where it hurts."""

    def __init__(self, folder: Path) -> None:
        self.redis = LocalRedis(folder / "redis")
        self.redis.start()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = Settings(
            default_model="shapes",
            redis_url=self.redis.url,
            redis_timeout_s=5.0,
            state_dir=folder / "state",
            price_per_device_hour=PRICE,
            device_watts=100.0,
            replicas={"main": (1, 2), "side": (0, 1)},
            slots=4,
            max_wait_s=3600.0,
            max_attempts=1000,
            retry_first_s=0.1,
            retry_most_s=0.2,
        )
        self.ray, self.cluster, self.device, self.workers = Ray(), Placed(), Device(), Workers()
        self._redis = connect(self.redis.url, self.settings.redis_timeout_s)
        self.stores = stores_on(self._redis, self.settings)
        self._cache = RedisCache(self._redis, self.settings.redis_prefix)
        self._replicas = 0
        fresh = httpx.Limits(
            max_keepalive_connections=0
        )  # a server that is stopped and started takes idle ones with it
        self.client = httpx.AsyncClient(base_url=self.url, timeout=30.0, limits=fresh)

    async def start(self) -> None:
        self.ray.start()
        await self.begin_replica()
        self._dispatcher = Dispatcher(
            *(self.settings, self.stores, self.workers, self.workers, Silent(), ("main", "side")), cluster=self.cluster
        )
        self._dispatcher.start()
        await self.serve()

    async def close(self) -> None:
        self.device.held, self.device.step_s = False, 0.0
        await self._dispatcher.close()
        await self.end_replica()
        await self.stop_serving()
        await self.client.aclose()
        await self._redis.aclose()
        self.ray.stop()
        self.redis.stop()

    async def serve(self) -> None:
        """Have the API listen."""
        models = (MODEL, SIDE)
        planner = Plans(self.settings, self.stores.presets, self.stores.ratings, models)
        ports = replace(
            Ports.over(self.stores, planner, self._cache, models, WordSentences()),
            meter=BackgroundMeter(self.stores.meter),
        )
        service = VideoService(ports, self.settings, self.stores.clock, self.stores.clock.sync)
        app = create_app(service, self.settings, {})
        config = uvicorn.Config(app, port=self.port, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._serving = asyncio.ensure_future(self._server.serve())

        async def started() -> bool:
            return self._server.started

        await until(started)

    async def stop_serving(self) -> None:
        self._server.should_exit = True
        await self._serving

    async def begin_replica(self) -> None:
        """A replica of `main` comes; its GPU is a reading that NVML would give."""
        self._replicas += 1
        name = f"replica{self._replicas}"
        background = Background()
        results = ResultCache(self._cache)
        self._engine = Engine(FakeDenoiser(1.0, sleep=self.device), Rules(max_batch=4, slots=4, max_paused=2))
        parts = ReplicaParts(
            settings=self.settings,
            model=MODEL,
            stores=self.stores,
            engine=self._engine,
            encoder=None,
            caches=ReplicaCaches(self._cache, NoSimilar(), WordSentences()),
            finishing=JobFinisher(self.stores, self.settings, results, background),
            measurements=Measurements(Overhead(), Power(lambda: GpuReading(300.0, 0.8, 40 * 2**30, 80 * 2**30))),
            background=background,
        )
        replica = Replica(name, "main", f"replica_{name}", "profile", parts)
        await replica.start()
        self._background, self.workers.replica = background, replica

    async def end_replica(self) -> None:
        """It leaves, in good order, and no other comes."""
        replica, self.workers.replica = self.workers.replica, None
        if replica is not None:
            await replica.close(5.0)
            await self._background.close()

    async def fail_to_start(self) -> None:
        """A replica of `side` cannot load its model: what `Start` tells of it is told."""
        start = Start(self.stores.board, self.stores.clock, ("side",), "diffuser", SIDE.id, "replica_of_side")
        try:
            async with start.told():
                raise ValueError("the weights are damaged")
        except ValueError:
            return

    async def recover_start(self) -> None:
        """The next one can."""
        start = Start(self.stores.board, self.stores.clock, ("side",), "diffuser", SIDE.id, "replica_of_side")
        async with start.told():
            pass

    async def ask(self, prompt: str, **fields: Any) -> httpx.Response:
        """One request for a video."""
        return await self.client.post("/v1/videos", json={"prompt": prompt, "tier": "preview", **fields})

    async def ended(self, *asked: httpx.Response, within_s: float = 180.0) -> list[Mapping[str, Any]]:
        """Those jobs, once they have ended."""

        async def one(answer: httpx.Response) -> Mapping[str, Any]:
            async def look() -> Mapping[str, Any] | None:
                found: Mapping[str, Any] = (await self.client.get(f"/v1/videos/{answer.json()['id']}")).json()
                return found if found.get("status") in ("completed", "failed") else None

            return await until(look, within_s, 0.2)  # type: ignore[arg-type]

        return [await one(answer) for answer in asked]
