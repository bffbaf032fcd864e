"""Figures as JSON: the meter's counts, the line, the replicas and the caches come in, one object goes out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from app.api.routes.caches import level_rows
from app.api.routes.feedback import feedback_figures
from app.jobs.board import BACKLOG
from app.line.backlog import backlog_from_note, backlog_to_note
from app.service.videos import VideoService
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
)
from app.types import Caller

Figures = Mapping[str, float]


async def stats(service: VideoService, caller: Caller) -> dict[str, Any]:
    """What has been done since the store began, and what is under way. Raises StoreUnavailable."""
    ports = service.ports
    figures = await ports.meter.read()
    now = time.time()
    backlog = backlog_from_note(await ports.board.get(BACKLOG))
    return {
        "optimization": _optimization(figures) | {"feedback": await feedback_figures(ports.ratings, service.settings)},
        "cache_stats": await _caches(service, figures),
        "jobs": _jobs(figures),
        "webhooks": {"waiting": await ports.outbox.count(), **labelled(figures, WEBHOOKS)},
        "tenant": await _tenant(service, caller),
        "line": None if backlog is None else backlog_to_note(backlog),
        "replicas": [
            {**asdict(replica), "silent_s": round(max(0.0, now - replica.seen_at), 3)}
            for replica in await ports.jobs.replicas()
        ],
    }


async def _tenant(service: VideoService, caller: Caller) -> dict[str, Any]:
    """What the caller has under way and has asked for, and how much of it is allowed (null: any)."""
    settings, usage = service.settings, await service.usage(caller)
    return {
        "name": caller.tenant,
        "jobs": usage.open,
        "running": usage.running,
        "step_seconds": usage.spent,
        "window_s": settings.tenant_window_s,
        "most_jobs": settings.tenant_max_jobs,
        "most_running": settings.tenant_max_running,
        "most_step_seconds": settings.tenant_step_seconds,
    }


def labelled(figures: Figures, name: str) -> dict[str, float]:
    """The figures called `name:<label>`, by label."""
    return {key.partition(":")[2]: value for key, value in figures.items() if key.startswith(f"{name}:")}


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _optimization(figures: Figures) -> dict[str, Any]:
    planned, fixed = figures.get(STEPS_PLANNED, 0.0), figures.get(STEPS_FIXED, 0.0)
    return {
        "tiers": labelled(figures, TIERS),
        "steps_planned": planned,
        "steps_fixed_default": fixed,
        "steps_saved_share": _share(fixed - planned, fixed),
        "step_seconds_saved": round(figures.get(STEP_SECONDS_SAVED, 0.0), 3),
        "denoiser_evaluations": figures.get(EVALUATIONS, 0.0),
        "device_seconds": round(figures.get(DEVICE_SECONDS, 0.0), 3),
    }


def _jobs(figures: Figures) -> dict[str, Any]:
    ended = labelled(figures, JOBS_ENDED)
    completed = ended.get("completed", 0.0)
    return {
        "created": figures.get(JOBS_CREATED, 0.0),
        "completed": completed,
        "failed": {code: count for code, count in ended.items() if code != "completed"},
        "attempts_lost": figures.get(ATTEMPTS_LOST, 0.0),
        "job_seconds": round(figures.get(JOB_SECONDS, 0.0), 3),
    }


async def _caches(service: VideoService, figures: Figures) -> dict[str, Any]:
    """What each level has done and holds; `healthy`: whether the shared tier answers."""
    held = await service.ports.cache.figures()
    levels = level_rows(held, figures, service.settings.price_per_device_hour)
    for row in levels.values():
        row["hit_rate"] = _share(row["hits"], row["hits"] + row["misses"])
    totals = {name: sum(row[name] for row in levels.values()) for name in ("hits", "misses", "evictions", "size_bytes")}
    saved = sum(row["saved_step_seconds"] for row in levels.values())
    return {
        "healthy": await service.ports.cache.healthy(),
        **totals,
        "hit_rate": _share(totals["hits"], totals["hits"] + totals["misses"]),
        "saved_step_seconds": round(saved, 3),
        "levels": levels,
    }
