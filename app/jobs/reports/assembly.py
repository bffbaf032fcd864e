"""Facts of a job come in, its report goes out; no clock and no store is asked."""

from __future__ import annotations

from app.jobs.reports.attempts import attempts_of
from app.jobs.reports.bottleneck import bottleneck_of
from app.jobs.reports.delays import outside_the_line, waits_of
from app.jobs.reports.records import CacheRow, Facts, Report
from app.jobs.reports.timeline import ended_at, received_at, stages_of
from app.types import Job


def assemble(facts: Facts, now: float) -> Report:
    """The report at that moment, of a job in whatever state."""
    job = facts.job
    attempts = attempts_of(facts)
    waits = waits_of(facts, attempts)
    stages = stages_of(facts, attempts, outside_the_line(facts))
    ended = ended_at(facts) or now
    began = received_at(facts)
    return Report(
        job=job,
        received_at=began,
        at=now,
        total_s=max(0.0, ended - began),
        bottleneck=bottleneck_of(facts, stages, waits, attempts, ended),
        cache=CacheRow(job.cache, facts.maker),
        stages=stages,
        waits=waits,
        attempts=attempts,
        trace_id=trace_id_of(job),
    )


def trace_id_of(job: Job) -> str | None:
    """Of the W3C traceparent that the job's record carries, where jobs are traced."""
    parent = getattr(job, "trace", None)
    parts = parent.split("-") if isinstance(parent, str) else []
    return parts[1] if len(parts) == 4 else None
