"""What was asked of the service, without what it was to show: ended jobs come in, rows of a load trace go out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from app.cache.keys import plan_digest
from app.jobs.board import Board
from app.jobs.store import JobStore
from app.plan.work import evaluations
from app.types import Job

SECRET = "trace_secret"
"""A word on the board; with it the same video has the same mark in every export, and nobody can guess prompts by it."""


@dataclass(frozen=True, slots=True)
class TracedRequest:
    """One request. `at`: Unix seconds; `key`: equal for requests of one and the same video."""

    at: float
    tenant: str
    pool: str
    model: str
    tier: str
    priority: str
    frames: int
    height: int
    width: int
    steps: int
    budget: int
    evaluations: float
    alone: bool
    deadline_s: float | None
    key: str
    status: str
    wait_s: float | None
    latency_s: float | None


@dataclass(frozen=True, slots=True)
class TracePage:
    """`next`: what to ask for after it; None at the end."""

    rows: Sequence[TracedRequest]
    next: str | None


async def trace_page(jobs: JobStore, board: Board, after: str | None, limit: int) -> TracePage:
    """A page of the jobs that have ended, of all tenants. Raises StoreUnavailable; ValueError: no such `after`."""
    secret = (await board.put_once(SECRET, secrets.token_hex(32))).encode()
    found = await jobs.ended(_place(after), limit)
    last = found[-1] if len(found) == limit else None
    return TracePage([traced(job, secret) for job in found], None if last is None else f"{last.expires_at!r}~{last.id}")


def traced(job: Job, secret: bytes) -> TracedRequest:
    """The row of one job."""
    plan, asked = job.plan, job.plan.sampling
    digest = plan_digest(plan, job.tenant)
    return TracedRequest(
        at=round(job.created_at, 3),
        tenant=job.tenant,
        pool=plan.pool,
        model=plan.model,
        tier=plan.tier,
        priority=job.priority,
        frames=plan.spec.frames,
        height=plan.spec.height,
        width=plan.spec.width,
        steps=asked.steps,
        budget=asked.budget,
        evaluations=evaluations(plan),
        alone=asked.alone,
        deadline_s=None if job.deadline is None else round(job.deadline - job.created_at, 3),
        key=hmac.new(secret, digest.encode(), hashlib.sha256).hexdigest()[:16],
        status=job.status.value,
        wait_s=None if job.started_at is None else round(job.started_at - job.created_at, 3),
        latency_s=None if job.completed_at is None else round(job.completed_at - job.created_at, 3),
    )


def _place(after: str | None) -> tuple[float, str] | None:
    if after is None:
        return None
    at, _, job_id = after.partition("~")
    return float(at), job_id
