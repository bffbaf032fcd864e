"""For operators: how the line has been in the last hour and where it goes, and what was mended without anybody."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api.auth import Operator
from app.api.dependencies import Service
from app.api.openapi import ERRORS
from app.health.forecast import Limits, forecast
from app.health.recoveries import KEPT, KINDS, Cause, Standing
from app.health.recoveries import Recovery as Kept
from app.health.trends import trends

router = APIRouter(tags=["operate"], responses=ERRORS)


class TrendMinute(BaseModel):
    """The line at a moment, and what happened in the minute before."""

    at: float = Field(description="Unix seconds")
    line_step_seconds: float = Field(description="Work of waiting and running jobs")
    waiting: int = Field(description="Jobs in the line")
    running: int = Field(description="Jobs that replicas have")
    wait_s: float = Field(description="Of a job that would have come then; the longest of the pools'")
    replicas: int = Field(description="Of all pools")
    videos_per_minute: float | None = Field(description="Completed; null where it is not known")
    error_rate: float | None = Field(description="Failed of those that ended, 0 to 1; null where none ended")
    hit_rate: float | None = Field(description="Of the cache of results, 0 to 1; null where nobody asked")


class CapacityForecast(BaseModel):
    """Where the line goes if the last ten minutes go on."""

    state: Literal["grows", "falls", "steady", "full"] = Field(description="Where it goes")
    sentence: str = Field(description="The same for people")
    step_seconds: float = Field(description="In the line now")
    growth: float = Field(description="Step-seconds a second; below 0 it falls")
    full_in_s: float | None = Field(description="Until new videos are refused; null: not within a day")
    empty_in_s: float | None = Field(description="Null: not within a day, or it does not fall")
    pool: str | None = Field(description="The one that is meant, where it is not all of them together")


class Trends(BaseModel):
    """The last hour by minutes, and a forecast."""

    minutes: list[TrendMinute] = Field(description="The oldest first; at most 61")
    forecast: CapacityForecast | None = Field(description="Null while there are too few samples")


class RecoveryEvent(BaseModel):
    """Something that was mended, or is being, without anybody's doing."""

    id: str = Field(description="The same as in notifications, there behind evt_")
    at: float = Field(description="Unix seconds")
    cause: str = Field(description="Such as replica_lost; see docs/operating.md")
    subject: str = Field(description="A pool, or a part of the service")
    change: Literal["happened", "began", "ended"] = Field(description="What lasts begins and ends")
    means: str = Field(description="The cause in a sentence")
    done: str = Field(description="What the service did, or does, about it")
    detail: str = Field(description="What was seen this time")
    times: int = Field(description="How often it happened since it was told before, this time included")


class RecoveryTally(BaseModel):
    """How often a cause has met a subject. Times are Unix seconds."""

    cause: str = Field(description="Such as replica_lost")
    subject: str = Field(description="A pool, or a part of the service")
    count: int = Field(description="How often it happened or began")
    first_at: float = Field(description="When first")
    last_at: float = Field(description="When last")
    under_way: bool = Field(description="It has begun and not ended")
    untold: int = Field(description="Since the last event of it, within its cool-down")


class Recoveries(BaseModel):
    """What the service mended by itself."""

    events: list[RecoveryEvent] = Field(description="The newest first")
    tallies: list[RecoveryTally] = Field(description="The latest first")


@router.get("/api/health/trends", summary="The last hour, and where the line goes")
async def hour(service: Service, caller: Operator, response: Response) -> Trends:
    """Minute samples that the Dispatcher keeps, and a capacity forecast in a sentence and in figures."""
    now, settings = service.now(), service.settings
    samples = await service.ports.samples.read(now)
    told = forecast(samples, Limits(settings.max_wait_s, settings.max_queued), now)
    response.headers["cache-control"] = "no-store"
    return Trends(
        minutes=[TrendMinute.model_validate(each, from_attributes=True) for each in trends(samples)],
        forecast=None if told is None else CapacityForecast.model_validate(told, from_attributes=True),
    )


@router.get("/api/recoveries", summary="What the service mended by itself")
async def mended(
    service: Service, caller: Operator, response: Response, limit: Annotated[int, Query(ge=1, le=KEPT)] = 100
) -> Recoveries:
    """The log of the breaker, lost replicas and leases, Redis, failovers, memory and restores, and how often each."""
    log = service.ports.recoveries
    response.headers["cache-control"] = "no-store"
    return Recoveries(
        events=[_event(each) for each in await log.recent(limit)],
        tallies=[_tally(each) for each in await log.standings()],
    )


def _event(kept: Kept) -> RecoveryEvent:
    known = kept.cause in [each.value for each in Cause]
    kind = KINDS[Cause(kept.cause)] if known else None
    return RecoveryEvent.model_validate(
        {
            **{name: getattr(kept, name) for name in ("id", "at", "cause", "subject", "change", "detail", "times")},
            "means": kind.means if kind else "",
            "done": kind.done if kind else "",
        }
    )


def _tally(standing: Standing) -> RecoveryTally:
    tally = standing.tally
    return RecoveryTally(
        cause=standing.cause,
        subject=standing.subject,
        count=tally.count,
        first_at=tally.first_at,
        last_at=tally.last_at,
        under_way=tally.under_way,
        untold=tally.untold,
    )
