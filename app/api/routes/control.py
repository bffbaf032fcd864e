"""The control room for operators: all tenants' jobs, what failed lately, and history for charts."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api.auth import Operator
from app.api.dependencies import Config, Service
from app.api.openapi import ERRORS
from app.api.requests.conditional import matches
from app.health.history import WINDOWS
from app.health.series import series, times
from app.jobs.board import PLACES
from app.jobs.failures import KEPT
from app.jobs.store import find
from app.line.queue_places import QueuePlaces, places_from_note
from app.service.ports import Ports
from app.types import Job

router = APIRouter(prefix="/api", tags=["operate"], responses=ERRORS)


class ControlledJob(BaseModel):
    """A job that has not ended, without what it is to show."""

    id: str
    tenant: str
    model: str
    pool: str
    tier: str
    priority: str = Field(description="low, normal or high")
    phase: str
    step: int
    total_steps: int
    created_at: float = Field(description="Unix seconds")
    waited_s: float = Field(description="Since it came, or until it was leased")
    attempts: int
    position: int | None = Field(description="Jobs ahead of it in its pool; null: under way, or far back")
    eta_s: float | None = Field(description="Seconds until it is done; null while not known")
    reason: str | None = Field(
        description="What it waits for besides those ahead: pool_starting, no_replica, older_replicas, backoff (after "
        "a loss)"
    )
    replica: str | None = Field(description="That has it")


class ControlledJobs(BaseModel):
    """The line, the most urgent first, and the jobs under way, the longest first; as many as were asked for of each."""

    object: Literal["control.jobs"] = "control.jobs"
    waiting: list[ControlledJob] = Field(description="Those not leased yet")
    running: list[ControlledJob] = Field(description="Those that a replica has")
    waiting_total: int = Field(description="All that wait, listed or not")
    running_total: int = Field(description="All under way, listed or not")


class RecentError(BaseModel):
    """A job that failed by nobody's wish."""

    id: str = Field(description="The video's; it may be gone")
    tenant: str
    at: float = Field(description="Unix seconds")
    code: str
    message: str
    model: str
    pool: str
    tier: str
    attempts: int


class RecentErrors(BaseModel):
    """The newest failures of all tenants, the newest first."""

    object: Literal["control.errors"] = "control.errors"
    data: list[RecentError]


class StatsHistory(BaseModel):
    """How the service has been; a row of `series` has a number for each of `at`, null where there is none."""

    object: Literal["stats.history"] = "stats.history"
    window: str = Field(description="hour or day")
    every_s: int = Field(description="Seconds between two of `at`")
    over_s: int = Field(description="What happens by and by is told over so many seconds up to each of `at`")
    at: list[int] = Field(description="Unix seconds, the oldest first")
    series: dict[str, list[float | None]] = Field(
        description="waiting_low, waiting_normal, waiting_high, running (jobs); wait_s (of a job that comes then), "
        "wait_p50_s, wait_p95_s (of jobs that started); replicas_wanted, replicas_ready; videos_per_hour, "
        "errors_per_hour, device_seconds_per_hour, cost_per_hour (null without a price); hit_rate_results and of each "
        "other level of the caches, 0.0 to 1.0"
    )


@router.get("/jobs", summary="All jobs that have not ended")
async def jobs(
    service: Service, caller: Operator, response: Response, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> ControlledJobs:
    """Of all tenants: who waits, why and for how long, and who is made where. Prompts are not among it."""
    ports, now = service.ports, service.now()
    waiting, leases, places = await asyncio.gather(ports.jobs.waiting(), ports.jobs.leases(), _places(ports))
    held = await asyncio.gather(*(find(ports.jobs, lease.job_id) for lease in leases))
    running = sorted((job for job in held if job is not None and not job.phase.ended), key=lambda job: job.created_at)
    replicas = {job_id: each.replica for each in await ports.jobs.replicas() for job_id in each.jobs}
    response.headers["cache-control"] = "no-store"
    return ControlledJobs(
        waiting=[_row(job, now, places, replicas) for job in _in_order(waiting, places)[:limit]],
        running=[_row(job, now, places, replicas) for job in running[:limit]],
        waiting_total=len(waiting),
        running_total=len(running),
    )


@router.get("/errors", summary="What failed lately")
async def errors(
    service: Service, caller: Operator, response: Response, limit: Annotated[int, Query(ge=1, le=KEPT)] = 50
) -> RecentErrors:
    """The newest failures of all tenants; what was cancelled is none."""
    found = await service.ports.failures.recent(limit)
    response.headers["cache-control"] = "no-store"
    return RecentErrors(data=[RecentError.model_validate(each, from_attributes=True) for each in found])


@router.get("/stats/history", summary="The last hour or day as series for charts", response_model=StatsHistory)
async def history(
    service: Service,
    settings: Config,
    caller: Operator,
    response: Response,
    window: Annotated[Literal["1h", "24h"], Query(description="Every 10 s, or every 2 minutes")] = "1h",
    if_none_match: Annotated[str | None, Header()] = None,
) -> StatsHistory | Response:
    """Throughput, waits, hit rates, cost and replicas, as the Dispatcher keeps them; 304 until there is more."""
    now, ring = service.now(), WINDOWS[window]
    readings = await service.ports.history.read(ring, now)
    newest = f"{window} {ring.slot(now)} {readings[-1].at if readings else 0} {settings.price_per_device_hour}"
    headers = {"etag": f'"{hashlib.sha256(newest.encode()).hexdigest()[:16]}"', "cache-control": "private, no-cache"}
    if if_none_match is not None and matches(if_none_match, headers["etag"]):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return StatsHistory(
        window=window,
        every_s=ring.every_s,
        over_s=ring.every_s * ring.over,
        at=times(ring, now),
        series=series(readings, ring, now, settings.price_per_device_hour),
    )


async def _places(ports: Ports) -> QueuePlaces:
    return places_from_note(await ports.board.get(PLACES))


def _in_order(waiting: Sequence[Job], places: QueuePlaces) -> list[Job]:
    """As the dispatcher saw the line last, which names the most urgent first; then the others as they came."""
    order = {job_id: number for number, job_id in enumerate(places.jobs)}
    return sorted(waiting, key=lambda job: (order.get(job.id, len(order)), job.created_at))


def _row(job: Job, now: float, places: QueuePlaces, replicas: Mapping[str, str]) -> ControlledJob:
    place = places.jobs.get(job.id)
    waits = job.started_at is None
    paused = waits and job.not_before is not None and job.not_before > now
    reason = "backoff" if paused else place.reason if place is not None and waits else None
    return ControlledJob(
        id=job.id,
        tenant=job.tenant,
        model=job.plan.model,
        pool=job.plan.pool,
        tier=job.plan.tier,
        priority=job.priority,
        phase=job.phase.value,
        step=job.step,
        total_steps=job.plan.sampling.steps,
        created_at=job.created_at,
        waited_s=round(max(0.0, (now if job.started_at is None else job.started_at) - job.created_at), 3),
        attempts=job.attempts,
        position=place.position if place is not None and waits else None,
        eta_s=place.eta_s if place is not None and waits else job.eta_s,
        reason=reason,
        replica=replicas.get(job.id),
    )
