"""Figures as JSON: the meter's counts, the line, the replicas and the caches come in, one object goes out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import BaseModel, Field

from app.api.routes.caches import CacheLevel, cache_levels, share
from app.api.routes.feedback import FeedbackFigures, feedback_figures
from app.jobs.board import BACKLOG
from app.line.backlog import Backlog, TenantUse, backlog_from_note, backlog_to_note, without_tenants
from app.service.own_figures import own_of
from app.service.pools import PoolStatus
from app.service.videos import VideoService
from app.settings import Settings
from app.settings.limits import Limits
from app.telemetry import (
    ATTEMPTS_LOST,
    DEVICE_SECONDS,
    EVALUATIONS,
    JOB_SECONDS,
    JOBS_CREATED,
    JOBS_ENDED,
    STEP_SECONDS_SAVED,
    STEPS_FIXED,
    STEPS_PLANNED,
    TIERS,
    WEBHOOKS,
    labelled,
    total,
)
from app.types import Caller, ReplicaInfo

Figures = Mapping[str, float]


class PlanningFigures(BaseModel):
    """What planning has saved, and how far ratings have moved it."""

    tiers: dict[str, float] = Field(description="Jobs accepted, by tier")
    steps_planned: float = Field(description="Evaluations of the denoiser that the videos made were planned with")
    steps_fixed_default: float = Field(description="What full runs of the same videos would have taken")
    steps_saved_share: float = Field(
        description="Evaluations spared of full runs, 0.0 of nothing; repeats are told by caches"
    )
    step_seconds_saved: float = Field(description="Denoiser seconds spared by caches")
    denoiser_evaluations: float
    device_seconds: float
    feedback: FeedbackFigures


class CacheFigures(BaseModel):
    """What the caches have done and hold, in all and by level; `healthy`: whether the shared tier answers."""

    healthy: bool
    hits: int | float
    misses: int | float
    evictions: int
    size_bytes: int
    hit_rate: float
    saved_step_seconds: float
    levels: dict[str, CacheLevel]


class JobFigures(BaseModel):
    """Jobs by outcome."""

    created: float
    completed: float
    failed: dict[str, float] = Field(description="By code")
    attempts_lost: float
    job_seconds: float = Field(description="From acceptance to the end, summed")
    device_seconds: float = Field(description="Of devices, for completed jobs")


class TenantFigures(BaseModel):
    """What the caller has under way and has asked for, and how much of it is allowed (null: any)."""

    name: str
    jobs: int
    running: int
    step_seconds: float
    window_s: float
    most_jobs: int | None
    most_running: int | None
    most_step_seconds: float | None
    weight: float = Field(description="Of its fair share, beside other tenants' 1")
    waiting: int = Field(description="Of its jobs, those in the line, as the dispatcher saw it last")
    recent_step_seconds: float = Field(description="That it was given lately: they halve every ten minutes")
    share: float = Field(description="Of all that was given lately, 0.0 to 1.0")


class TenantShareFigures(BaseModel):
    """What a tenant has in the line and was given of the devices."""

    weight: float = Field(description="Of its fair share, beside other tenants' 1")
    waiting: int = Field(description="Jobs in the line")
    running: int = Field(description="Jobs being made")
    recent_step_seconds: float = Field(description="They halve every ten minutes")
    share: float = Field(description="Of all that was given lately, 0.0 to 1.0")
    limits: dict[str, object] = Field(description="What `KINORAY_LIMITS` says of it; empty: nothing is limited")


@dataclass(frozen=True, slots=True)
class ReplicaFigures(ReplicaInfo):
    """What a replica said of itself last, and how long ago."""

    silent_s: float = 0.0


class Stats(BaseModel):
    """What has been done since the store began, and what is under way: everyone's for operators, else your tenant's.

    What is null or empty without the scope `operate` is of all tenants together, or of the machines.
    """

    scope: Literal["all", "own"] = Field(description="own: your key lacks the scope operate")
    optimization: PlanningFigures | None = Field(description="What planning has saved")
    cache_stats: CacheFigures | None = Field(description="What the caches have done and hold")
    jobs: JobFigures = Field(description="Of `scope`")
    storyboards_open: int | None = Field(
        description="Storyboards that have not ended; null for who sees their own alone"
    )
    webhooks: dict[str, float] = Field(description="Those waiting, and attempts by outcome")
    tenant: TenantFigures
    tenants: dict[str, TenantShareFigures] | None = Field(
        description="Shares of all tenants that wait, run or did lately; for operators, else null"
    )
    line: dict[str, object] | None = Field(description="As the dispatcher saw it last")
    replicas: list[ReplicaFigures]
    pools: dict[str, PoolStatus] = Field(description="`error`: why the last replica that could not start could not")
    links: dict[str, str] = Field(description="`ray_dashboard` and `grafana`, where the operator has set them")


async def stats(service: VideoService, caller: Caller) -> Stats:
    """Raises StoreUnavailable."""
    ports = service.ports
    figures = await ports.meter.read()
    if not caller.is_operator:
        return await _own_stats(service, caller, figures)
    now = time.time()
    backlog = backlog_from_note(await ports.board.get(BACKLOG))
    return Stats(
        scope="all",
        optimization=_planning(figures, await feedback_figures(ports.ratings, service.settings)),
        cache_stats=await _caches(service, figures),
        jobs=_jobs(figures),
        storyboards_open=await ports.storyboards.count_open(),
        webhooks={"waiting": await ports.outbox.count(), **labelled(figures, WEBHOOKS)},
        tenant=await _tenant(service, caller),
        tenants=_tenants(backlog, service.settings.limits),
        line=None if backlog is None else without_tenants(backlog_to_note(backlog)),
        replicas=[
            ReplicaFigures(**asdict(replica), silent_s=round(max(0.0, now - replica.seen_at), 3))
            for replica in await ports.jobs.replicas()
        ],
        pools=await service.pools.look(),
        links=_links(service.settings),
    )


async def _own_stats(service: VideoService, caller: Caller, figures: Figures) -> Stats:
    return Stats(
        scope="own",
        optimization=None,
        cache_stats=None,
        jobs=_jobs(own_of(caller.tenant, figures)),
        storyboards_open=None,
        webhooks={},
        tenant=await _tenant(service, caller),
        tenants=None,
        line=None,
        replicas=[],
        pools={},
        links={},
    )


def _links(settings: Settings) -> dict[str, str]:
    found = {"ray_dashboard": settings.ray_dashboard_url, "grafana": settings.grafana_url}
    return {name: url for name, url in found.items() if url is not None}


def _tenants(backlog: Backlog | None, limits: Limits) -> dict[str, TenantShareFigures]:
    return {
        tenant: TenantShareFigures(
            weight=use.weight,
            waiting=use.jobs,
            running=use.running,
            recent_step_seconds=use.step_seconds,
            share=use.share,
            limits=limits.of_tenant(tenant).model_dump(exclude_defaults=True),
        )
        for tenant, use in ((backlog or Backlog()).tenants or {}).items()
    }


async def _tenant(service: VideoService, caller: Caller) -> TenantFigures:
    settings, usage = service.settings, await service.usage(caller)
    backlog = backlog_from_note(await service.ports.board.get(BACKLOG))
    use = ((backlog or Backlog()).tenants or {}).get(caller.tenant, TenantUse())
    return TenantFigures(
        name=caller.tenant,
        jobs=usage.open,
        running=usage.running,
        step_seconds=usage.spent,
        window_s=settings.tenant_window_s,
        most_jobs=settings.tenant_max_jobs,
        most_running=settings.tenant_max_running,
        most_step_seconds=settings.tenant_step_seconds,
        weight=settings.tenant_weights.get(caller.tenant, 1.0),
        waiting=use.jobs,
        recent_step_seconds=use.step_seconds,
        share=use.share,
    )


def _planning(figures: Figures, feedback: FeedbackFigures) -> PlanningFigures:
    planned, fixed = figures.get(STEPS_PLANNED, 0.0), figures.get(STEPS_FIXED, 0.0)
    return PlanningFigures(
        tiers=labelled(figures, TIERS),
        steps_planned=planned,
        steps_fixed_default=fixed,
        steps_saved_share=share(fixed - planned, fixed),
        step_seconds_saved=round(figures.get(STEP_SECONDS_SAVED, 0.0), 3),
        denoiser_evaluations=figures.get(EVALUATIONS, 0.0),
        device_seconds=round(total(figures, DEVICE_SECONDS), 3),
        feedback=feedback,
    )


def _jobs(figures: Figures) -> JobFigures:
    ended = labelled(figures, JOBS_ENDED)
    return JobFigures(
        created=figures.get(JOBS_CREATED, 0.0),
        completed=ended.get("completed", 0.0),
        failed={code: count for code, count in ended.items() if code != "completed"},
        attempts_lost=figures.get(ATTEMPTS_LOST, 0.0),
        job_seconds=round(figures.get(JOB_SECONDS, 0.0), 3),
        device_seconds=round(total(figures, DEVICE_SECONDS), 3),
    )


async def _caches(service: VideoService, figures: Figures) -> CacheFigures:
    held = await service.ports.cache.figures()
    levels = cache_levels(held, figures, service.settings.price_per_device_hour)
    hits, misses = sum(row.hits for row in levels.values()), sum(row.misses for row in levels.values())
    return CacheFigures(
        healthy=await service.ports.cache.healthy(),
        hits=hits,
        misses=misses,
        evictions=sum(row.evictions for row in levels.values()),
        size_bytes=sum(row.size_bytes for row in levels.values()),
        hit_rate=share(hits, hits + misses),
        saved_step_seconds=round(sum(row.saved_step_seconds for row in levels.values()), 3),
        levels=levels,
    )
