"""What the report of a video looks like on the wire: a Report comes in, the VideoReport object goes out."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.responses import VideoCache
from app.jobs.reports.account import Run
from app.jobs.reports.records import AttemptRow, Report, StageRow, WaitRow

_ATTEMPT = "Number of the attempt; null: of none"
_LASTS = "Seconds; null: still under way"


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ReportStage(_Row):
    """A stage of a job."""

    name: str = Field(
        description="received, analysed, picture, cache_lookup, cached_files, similar_lookup, admitted, line, leased, "
        "encode, steps, decode, handed_on, file, stored, closed or webhook"
    )
    started_at: float = Field(description="Unix seconds")
    offset_s: float = Field(description="Seconds since the request came")
    duration_s: float | None = Field(description=_LASTS)
    attempt: int | None = Field(description=_ATTEMPT)
    host_memory_bytes: int | None = Field(description="Resident memory of its process when it began; null: not read")
    device_memory_bytes: int | None = Field(description="Memory in use on its GPU when it began; null: none, or no GPU")
    note: str | None = Field(description="The replica, an error code, the webhook's state; null: nothing to add")


class ReportWait(_Row):
    """For what a job waited."""

    cause: str = Field(
        description="line, backoff, dependency, flight, slot, memory, preempted, turns or lease_lost; docs/api.md has "
        "what they mean"
    )
    started_at: float = Field(description="Unix seconds")
    offset_s: float = Field(description="Seconds since the request came")
    duration_s: float | None = Field(description=_LASTS)
    attempt: int | None = Field(description=_ATTEMPT)
    by: list[str] = Field(description="Your own jobs by whose doing; those of others are not named")
    why: str = Field(description="A sentence for people")
    step: int | None = Field(description="The last step that was done when it began; null: none, or not in a replica")


class ReportMate(_Row):
    """Another job in a packed forward."""

    job: str | None = Field(description="Its id, if it is your own; null: another's")
    shape: str | None = Field(description="Frames, height and width of your own, as 17x128x128")


class ReportBatch(_Row):
    """Steps one after another in batches of one size."""

    batch: int = Field(description="Jobs in each of these forwards; 0: the steps were forecast, without a forward")
    steps: int = Field(description="How many steps")
    took_s: float = Field(description="Seconds that the forwards took")
    packed: list[ReportMate] | None = Field(
        default=None,
        exclude_if=lambda packed: packed is None,
        description="The others in these forwards, where they were of several shapes",
    )


class ReportAttempt(_Row):
    """One try on one replica."""

    number: int = Field(description="1 for the first")
    fence: int = Field(description="By right of which it wrote")
    replica: str | None = Field(description="Who ran it; null: nobody was heard of")
    leased_at: float | None = Field(description="Unix seconds; null: not known")
    ended_at: float | None = Field(description="Unix seconds; null: under way, or not known")
    outcome: str = Field(description="running, completed, failed, cancelled, handed_back or lost")
    why: str | None = Field(description="Why it ended without a video; null otherwise")
    resumed_from_step: int | None = Field(description="The step of the checkpoint that it went on from; null: of none")
    batches: list[ReportBatch] = Field(description="Its steps, in order")


class ReportBottleneck(_Row):
    """Where most of the time went."""

    name: str = Field(description="A stage, a wait's cause, or lost_work")
    duration_s: float = Field(description="Seconds")
    share: float = Field(description="Of the whole, 0 to 1")
    sentence: str = Field(description="The same for people")


class ReportCache(VideoCache):
    """How the caches served it."""

    made_by: str | None = Field(description="Your job whose video it was given; null: none, or another tenant's")


class VideoReport(BaseModel):
    """What became of a video so far, and why it took as long."""

    id: str
    object: Literal["video.report"] = "video.report"
    model: str
    status: str
    phase: str
    received_at: float = Field(description="When the request came, Unix seconds")
    completed_at: float | None
    total_s: float = Field(description="Seconds from the request to the end, or to now")
    step: int
    total_steps: int
    device_seconds: float
    peak_memory_bytes: int | None = Field(description="Most that the device, or on a CPU the process, ever held")
    trace_id: str | None = Field(description="Of its OpenTelemetry trace; null: it is not traced")
    bottleneck: ReportBottleneck
    cache: ReportCache
    stages: list[ReportStage] = Field(description="In order of their beginning")
    waits: list[ReportWait] = Field(description="In order of their beginning; most lie within a stage")
    attempts: list[ReportAttempt] = Field(description="In order; none of a video that was not made")


def report_object(report: Report) -> VideoReport:
    """The VideoReport object of a report."""
    job, began = report.job, report.received_at
    measured = job.measured
    return VideoReport(
        id=job.id,
        model=job.plan.model,
        status=job.status.value,
        phase=job.phase.value,
        received_at=began,
        completed_at=job.completed_at,
        total_s=_rounded(report.total_s),
        step=job.step,
        total_steps=job.plan.sampling.steps,
        device_seconds=_rounded(measured.device_seconds if measured else 0.0),
        peak_memory_bytes=measured.peak_memory_bytes if measured else None,
        trace_id=report.trace_id,
        bottleneck=ReportBottleneck.model_validate(report.bottleneck),
        cache=ReportCache(
            **VideoCache.model_validate(job.cache, from_attributes=True).model_dump(), made_by=report.cache.made_by
        ),
        stages=[_stage(row, began) for row in report.stages],
        waits=[_wait(row, began) for row in report.waits],
        attempts=[_attempt(row) for row in report.attempts],
    )


def _stage(row: StageRow, began: float) -> ReportStage:
    return ReportStage(
        name=row.name.value,
        started_at=row.started_at,
        offset_s=_rounded(row.started_at - began),
        duration_s=None if row.duration_s is None else _rounded(row.duration_s),
        attempt=row.attempt,
        host_memory_bytes=row.host_memory_bytes,
        device_memory_bytes=row.device_memory_bytes,
        note=row.note,
    )


def _wait(row: WaitRow, began: float) -> ReportWait:
    return ReportWait(
        cause=row.cause.value,
        started_at=row.started_at,
        offset_s=_rounded(row.started_at - began),
        duration_s=None if row.duration_s is None else _rounded(row.duration_s),
        attempt=row.attempt,
        by=list(row.by),
        why=row.why,
        step=row.step,
    )


def _attempt(row: AttemptRow) -> ReportAttempt:
    return ReportAttempt(
        number=row.number,
        fence=row.fence,
        replica=row.replica,
        leased_at=row.leased_at,
        ended_at=row.ended_at,
        outcome=row.outcome.value,
        why=row.why,
        resumed_from_step=row.resumed_from_step,
        batches=[_batch(run) for run in row.batches],
    )


def _batch(run: Run) -> ReportBatch:
    mates = [
        ReportMate(job=mate.job, shape=None if mate.shape is None else "x".join(map(str, mate.shape)))
        for mate in run.packed
    ]
    return ReportBatch(batch=run.batch, steps=run.steps, took_s=_rounded(run.took_s), packed=mates or None)


def _rounded(seconds: float) -> float:
    return round(seconds, 6)
