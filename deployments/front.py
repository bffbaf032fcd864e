"""The Router's application: settings and handles come in, the whole HTTP side goes out, its ports filled."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import Any

from fastapi import FastAPI
from ray.serve.handle import DeploymentHandle

from app.access.opening import open_access
from app.access.rate_limits import RateLimiter
from app.api.app import create_app
from app.cache.recent import RecentCache
from app.jobs.redis.meter import BackgroundMeter
from app.jobs.redis.usage import BackgroundUsage
from app.models.adapter_fits import fits_of
from app.models.vocabularies import worlds
from app.plan.recent_plans import RememberingPlanner
from app.plan.tables import load_tables
from app.service.health_checks import Pings, health_checks
from app.service.ports import Ports
from app.service.videos import VideoService
from app.settings import Settings
from app.stores import open_stores
from app.storyboards.drafting.opening import open_drafting
from app.storyboards.storyboards import Storyboards
from app.types import ModelProfile
from deployments.cache_handles import CacheHandle, SimilarHandle
from deployments.handles import AnalyzerHandle, FilmHandle, SentencesHandle, ping

PING_S = 2.0
GUARD = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"  # names what stands before the proxy, and reads bodies whole
HAPROXY = "RAY_SERVE_ENABLE_HA_PROXY"  # where Serve has one on each machine, everyone comes in over loopback


def open_front(
    settings: Settings,
    models: tuple[ModelProfile, ...],
    analyzer: DeploymentHandle[Any],
    cache: DeploymentHandle[Any],
    dispatcher: DeploymentHandle[Any],
    finisher: DeploymentHandle[Any],
) -> FastAPI:
    """Works in a Serve replica only."""
    stores = open_stores(settings)
    cache_port = CacheHandle(cache)
    planner = RememberingPlanner(AnalyzerHandle(analyzer))
    ports = replace(
        Ports.over(stores, planner, RecentCache(cache_port), models, SentencesHandle(analyzer)),
        meter=BackgroundMeter(stores.meter),
        usage=BackgroundUsage(stores.usage),
        fits=fits_of(settings),
        similar=SimilarHandle(cache),
        worlds=worlds(),
        starts=load_tables(settings.calibration_folder).similar,
    )
    pings = Pings(
        analyzer=partial(ping, analyzer, PING_S, "prompt analyzer"),
        dispatcher=partial(ping, dispatcher, PING_S, "dispatcher"),
        finisher=partial(ping, finisher, PING_S, "finisher"),
    )
    access = open_access(settings, loopback_tells=os.environ.get(HAPROXY, "0") != "1")
    service = VideoService(ports, settings, stores.clock, stores.clock.sync)
    checks = health_checks(stores, cache_port, pings, service.pools)
    limits, alone = settings.limits, settings.limits_without_redis
    rates = RateLimiter(limits, stores.rates, stores.clock, stores.clock.sync, alone)
    drafting = open_drafting(settings)
    boards = Storyboards(service, FilmHandle(finisher))
    guarded = bool(os.environ.get(GUARD))  # True: Serve's proxy does
    return create_app(service, settings, checks, True, access, rates, boards, drafting, guarded)
