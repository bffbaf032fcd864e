"""What was asked of the service as a trace for capacity planning, for operators; prompts are not among it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.api.auth import Operator
from app.api.dependencies import Service
from app.api.openapi import ERRORS
from app.errors import InvalidRequest
from app.jobs.record import is_id
from app.service.trace import trace_page

router = APIRouter(prefix="/api", tags=["operate"], responses=ERRORS)
MOST = 1000


class TraceRequest(BaseModel):
    """A request that has ended: when it came, what it asked of a replica, and how long it took."""

    model_config = ConfigDict(from_attributes=True)

    at: float = Field(description="When it came, Unix seconds")
    tenant: str
    pool: str
    model: str
    tier: str
    priority: str = Field(description="low, normal or high")
    frames: int
    height: int
    width: int
    steps: int
    budget: int
    evaluations: float = Field(description="What the denoising costs, in guided evaluations")
    alone: bool = Field(description="Whether it shares no forward")
    deadline_s: float | None = Field(description="From when it came")
    key: str = Field(description="Equal for requests of one and the same video; says nothing of the prompt")
    status: str
    wait_s: float | None = Field(description="Until its last attempt began")
    latency_s: float | None = Field(description="Until it ended")


class Trace(BaseModel):
    """A page of requests, in the order in which their records expire."""

    object: Literal["trace"] = "trace"
    data: Sequence[TraceRequest]
    next: str | None = Field(description="Give it as `after` for the next page; null at the end")


@router.get("/trace", summary="What was asked for, as a trace for `kinoray simulate load`")
async def trace(
    service: Service,
    caller: Operator,
    response: Response,
    after: Annotated[str | None, Query(max_length=100, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
) -> Trace:
    """Of all tenants, as long as their records are kept; requests that were refused are not on record."""
    page = await trace_page(service.ports.jobs, service.ports.board, _checked(after), limit)
    response.headers["cache-control"] = "no-store"
    return Trace(data=[TraceRequest.model_validate(row) for row in page.rows], next=page.next)


def _checked(after: str | None) -> str | None:
    """Raises InvalidRequest for what is no `next`."""
    if after is None:
        return None
    at, _, job_id = after.partition("~")
    try:
        sound = math.isfinite(float(at)) and is_id(job_id)
    except ValueError:
        sound = False
    if not sound:
        raise InvalidRequest("There is no such place in the trace.", param="after")
    return after
