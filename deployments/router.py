"""Router: HTTP comes in, the service's story is told with Redis and handles behind its ports."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from ray.serve.handle import DeploymentHandle

from app.api.app import create_app
from app.cache.recent import RecentCache
from app.errors import ServiceUnavailable
from app.jobs.board import BACKLOG
from app.jobs.redis.meter import SoonMeter
from app.models.vocabularies import worlds
from app.plan.recent_plans import RememberingPlanner
from app.plan.tables import load_tables
from app.service.ports import Check, Ports
from app.service.videos import VideoService
from app.settings import Settings
from app.stores import Stores, open_stores
from app.types import ModelProfile
from deployments.handles import AnalyzerHandle, CacheHandle, SentencesHandle, SimilarHandle, ask

NOTE_AGE_S = 8.0  # a dispatcher that has not written for longer is not well
PING_S = 2.0


class Router:
    """Holds nothing: any replica can answer anything."""

    def __init__(
        self,
        settings: Settings,
        models: tuple[ModelProfile, ...],
        analyzer: DeploymentHandle[Any],
        cache: DeploymentHandle[Any],
        dispatcher: DeploymentHandle[Any],
        finisher: DeploymentHandle[Any],
    ) -> None:
        stores = open_stores(settings)
        cache_port = CacheHandle(cache)
        ports = Ports(
            planner=RememberingPlanner(AnalyzerHandle(analyzer)),
            cache=RecentCache(cache_port),
            jobs=stores.jobs,
            events=stores.events,
            stops=stores.stops,
            artifacts=stores.artifacts,
            board=stores.board,
            flights=stores.flights,
            outbox=stores.outbox,
            meter=SoonMeter(stores.meter),
            models=models,
            presets=stores.presets,
            sentences=SentencesHandle(analyzer),
            ratings=stores.ratings,
            similar=SimilarHandle(cache),
            worlds=worlds(),
            starts=load_tables(settings.calibration_folder).similar,
        )
        checks: dict[str, Check] = {
            "redis": lambda: _redis(stores),
            "artifacts": lambda: _artifacts(stores),
            "analyzer": lambda: _ping(analyzer, "prompt analyzer"),
            "dispatcher": lambda: _dispatcher(stores, dispatcher),
            "diffuser": lambda: _diffusers(stores, any(least == 0 for least, _ in settings.replicas.values())),
            "finisher": lambda: _ping(finisher, "finisher"),
            "cache": lambda: _cache(cache_port),
        }
        self._app = create_app(VideoService(ports, settings, stores.clock, stores.clock.sync), settings, checks)

    def __serve_build_asgi_app__(self) -> FastAPI:
        return self._app


async def _redis(stores: Stores) -> dict[str, Any]:
    return {"round_trip_ms": round(1000 * await stores.jobs.ping(), 2)}


async def _artifacts(stores: Stores) -> dict[str, Any]:
    await stores.artifacts.check()
    return {"place": "disk of one node" if stores.artifacts.local else "shared store"}


async def _ping(handle: DeploymentHandle[Any], what: str) -> dict[str, Any]:
    await ask(handle.ping.remote(), PING_S, what)
    return {}


async def _dispatcher(stores: Stores, handle: DeploymentHandle[Any]) -> dict[str, Any]:
    note = await stores.board.look(BACKLOG)
    await stores.clock.sync()
    if note is None or stores.clock() - float(note["at"]) > NOTE_AGE_S:
        await ask(handle.ping.remote(), PING_S, "dispatcher")
        raise ServiceUnavailable("The dispatcher answers but has not looked at the line lately.")
    return {"waiting": note["jobs"], "running": note["running"]}


async def _diffusers(stores: Stores, asleep: bool) -> dict[str, Any]:
    replicas = await stores.jobs.replicas()
    if not replicas and asleep:
        return {"replicas": 0, "slots": 0, "asleep": True}  # the next job wakes a pool
    if not replicas:
        raise ServiceUnavailable("No diffuser replica is running.")
    short = sorted({replica.pressure for replica in replicas} - {"ok"})
    facts: dict[str, Any] = {"replicas": len(replicas), "slots": sum(replica.slots for replica in replicas)}
    return {**facts, "memory": short[0] if short else "ok"}  # "critical" sorts before "warning"


async def _cache(cache: CacheHandle) -> dict[str, Any]:
    if not await cache.healthy():
        raise ServiceUnavailable("The cache does not answer; repeats are made anew.")
    return {}
