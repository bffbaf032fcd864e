"""The spans of a job: its own from acceptance to end, and one for each wait and attempt below it."""

from __future__ import annotations

import secrets
from contextlib import AbstractContextManager
from typing import NamedTuple

from app.tracing.spans import Begun, Span, current, is_on, record, span
from app.tracing.traceparent import below, of_attempt, span_id
from app.types import Job, Phase

Facts = dict[str, str | bool | int | float | None]


class Place(NamedTuple):
    """Where a job stands in a trace: the traceparent of its span, and the id of the span above."""

    trace: str | None = None
    parent: str | None = None


def place_of_new_job() -> Place:
    """Below the request's span; where nothing is traced here, the span of who asked, to be passed on."""
    above = current()
    if not is_on():
        return Place(above)
    if above is None:
        return Place(f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01")
    return Place(below(above), span_id(above))


def attempt_of(job: Job, fence: int) -> str | None:
    """The traceparent of an attempt's span; None: the job has no trace."""
    return of_attempt(job.trace, fence) if job.trace else None


def attempt_span(job: Job, fence: int) -> AbstractContextManager[Span]:
    """Around an attempt, where it runs."""
    facts: Facts = {"job": job.id, "fence": fence, "attempt": job.attempts, "pool": job.plan.pool}
    return span("attempt", job.trace, own=attempt_of(job, fence), kind="consumer", facts=facts)


def record_wait(job: Job, fence: int, now: float) -> None:
    """A job has been leased from the line: what it waited there since it came, or may have been tried again."""
    began = min(now, max(job.created_at, job.not_before or 0.0))
    facts: Facts = {"job": job.id, "fence": fence, "pool": job.plan.pool}
    if job.trace:
        record(Begun("dispatch", job.trace, kind="producer", began=began, facts=facts), now)


def record_lost_attempt(job: Job, fence: int, now: float, error: str) -> None:
    """An attempt whose replica is dead, and can tell nothing any more; it is known by the span that it had."""
    if job.trace:
        facts: Facts = {"job": job.id, "fence": fence, "attempt": job.attempts, "pool": job.plan.pool}
        own, began = attempt_of(job, fence), job.started_at or now
        record(Begun("attempt", job.trace, own, "consumer", began, facts), now, error)


def record_job(job: Job, now: float, leader: str | None = None) -> None:
    """A job has ended. `leader`: the trace of the job whose video it was given."""
    if not job.trace or not is_on():
        return
    version, trace, _, flags = job.trace.split("-")
    parent = f"{version}-{trace}-{job.trace_parent}-{flags}" if job.trace_parent else None
    facts: Facts = {
        "job": job.id,
        "model": job.plan.model,
        "tier": job.plan.tier,
        "steps": job.plan.sampling.steps,
        "budget": job.plan.sampling.budget,
        "attempts": job.attempts,
        "cache": job.cache.kind,
        "status": job.status.value,
    }
    error = job.failure.code if job.phase is Phase.FAILED and job.failure else None
    links = () if leader is None else (leader,)
    record(Begun("job", parent, job.trace, "internal", job.created_at, facts, links), job.completed_at or now, error)
