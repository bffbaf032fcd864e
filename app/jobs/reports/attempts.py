"""Which attempts there were: who ran each, by right of which fence, and how it ended."""

from __future__ import annotations

from dataclasses import replace

from app.jobs.reports.account import (
    HANDED_BACK,
    NOT_TAKEN,
    RAN_OUT,
    REPLICA_LEFT,
    REPLICA_LOST,
    AttemptAccount,
    Loss,
    PackedMate,
    Run,
)
from app.jobs.reports.records import AttemptRow, Facts, Outcome
from app.types import Job, Phase

WHY = {
    RAN_OUT: "Its lease ran out: nothing was heard of the replica.",
    REPLICA_LOST: "The replica was lost while it ran.",
    NOT_TAKEN: "No replica took it, or the one that did could not reach Redis or a part that it needs.",
    REPLICA_LEFT: "The replica was leaving.",
    "memory": "Memory was short on its replica.",
}
"""In a sentence for people."""


def attempts_of(facts: Facts) -> tuple[AttemptRow, ...]:
    """In order. The last one is that of the record, unless the job is back in the line."""
    job, account = facts.job, facts.account
    fences = {*account.attempts, *account.losses}
    under_way = not job.phase.ended and job.phase is not Phase.QUEUED
    if under_way or (job.attempts and not fences):
        fences.add(job.fence)
    last = max(fences, default=0)
    return tuple(
        _row(number, fence, facts, account.attempts.get(fence), account.losses.get(fence), fence == last)
        for number, fence in enumerate(sorted(fences), 1)
    )


def _row(
    number: int, fence: int, facts: Facts, told: AttemptAccount | None, loss: Loss | None, is_last: bool
) -> AttemptRow:
    job = facts.job
    outcome = _outcome(job, told, loss, is_last)
    started_at = job.started_at if is_last else None
    leased_at = told.leased_at if told else loss.leased_at if loss else started_at
    why = loss.why if loss else told.why if told else None
    said = WHY.get(why or "", why)
    if outcome in (Outcome.FAILED, Outcome.CANCELLED) and job.failure is not None:
        said = f"{job.failure.code}: {job.failure.message}"
    return AttemptRow(
        number=number,
        fence=fence,
        replica=told.replica if told else None,
        leased_at=leased_at,
        ended_at=_ended_at(job, told, loss, outcome),
        outcome=outcome,
        why=said,
        resumed_from_step=told.begins_at if told and told.resumes and told.begins_at else None,
        batches=tuple(_named(run, facts) for run in told.runs) if told else (),
    )


def _named(run: Run, facts: Facts) -> Run:
    """The run without what it says of other tenants' jobs."""
    others = (mate if mate.job in facts.others else PackedMate(None, None) for mate in run.packed)
    return replace(run, packed=tuple(others)) if run.packed else run


def _outcome(job: Job, told: AttemptAccount | None, loss: Loss | None, is_last: bool) -> Outcome:
    if loss is not None:
        return Outcome.LOST if loss.why in (RAN_OUT, REPLICA_LOST) else Outcome.HANDED_BACK
    if told is not None and told.outcome == HANDED_BACK:
        return Outcome.HANDED_BACK
    if not is_last or job.phase is Phase.QUEUED:
        return Outcome.LOST
    if job.phase is Phase.COMPLETED:
        return Outcome.COMPLETED
    if job.phase is Phase.FAILED:
        return Outcome.CANCELLED if job.failure and job.failure.code == "cancelled" else Outcome.FAILED
    return Outcome.RUNNING


def _ended_at(job: Job, told: AttemptAccount | None, loss: Loss | None, outcome: Outcome) -> float | None:
    if outcome is Outcome.RUNNING:
        return None
    if loss is not None:
        return loss.at
    if outcome in (Outcome.COMPLETED, Outcome.FAILED, Outcome.CANCELLED):
        return job.completed_at
    return None if told is None else told.ended_at or told.heard_at
