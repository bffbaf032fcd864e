"""The stages of a job one after another, from its request to its webhook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.jobs.reports.account import HANDED_ON, AttemptAccount, Finish
from app.jobs.reports.records import AttemptRow, Facts, Outcome, Stage, StageRow
from app.types import Phase

INTAKE = {
    "plan": Stage.ANALYSED,
    "picture": Stage.PICTURE,
    "lookup": Stage.CACHE,
    "files": Stage.FILES,
    "similar": Stage.SIMILAR,
    "record": Stage.ADMITTED,
}
"""By the names that the Router measures them under."""
SPANS = {"inputs": Stage.LEASED, "encode": Stage.ENCODE, "steps": Stage.STEPS, "decode": Stage.DECODE}
"""By the names that a replica notes them under."""


def received_at(facts: Facts) -> float:
    """When the request came, as far as was noted."""
    intake = facts.account.intake
    return facts.job.created_at if intake is None else intake.received_at


def queued_at(facts: Facts) -> float:
    """When the job began to wait: it was on record."""
    intake = facts.account.intake
    return facts.job.created_at if intake is None else intake.received_at + sum(intake.stages_s.values())


def ended_at(facts: Facts) -> float | None:
    """When the job was over; a repeat's record is dated before it has been looked up and written."""
    job = facts.job
    return (
        max(job.completed_at, queued_at(facts)) if job.completed_at and job.cache.kind == "result" else job.completed_at
    )


def line_began_at(facts: Facts) -> float:
    """When it first stood in the line: its dependencies were done, or it followed no other job any more."""
    moments = [moment.at for moment in (facts.account.released, facts.account.promoted) if moment is not None]
    return max(queued_at(facts), *moments) if moments else queued_at(facts)


def stages_of(facts: Facts, attempts: tuple[AttemptRow, ...], waits_outside: bool) -> tuple[StageRow, ...]:
    """In order of their beginning; `waits_outside`: it has never stood in the line."""
    rows = [*_intake(facts), *_of_attempts(facts, attempts), *_end(facts)]
    if not waits_outside:
        rows += _in_line(facts, attempts)
    return tuple(sorted(rows, key=lambda row: row.started_at))


def _intake(facts: Facts) -> Iterator[StageRow]:
    intake, at = facts.account.intake, received_at(facts)
    yield StageRow(Stage.RECEIVED, at, 0.0, host_memory_bytes=intake.host_bytes if intake else None)
    for name, took_s in intake.stages_s.items() if intake else ():
        if name in INTAKE:
            yield StageRow(INTAKE[name], at, took_s)
        at += took_s


def line_spans(facts: Facts, attempts: Iterable[AttemptRow]) -> Iterator[tuple[float, float | None, int | None]]:
    """From when to when it stood in the line, and which attempt that was followed by; None: it still does."""
    job, began, number = facts.job, line_began_at(facts), 1
    for attempt in attempts:
        number = attempt.number + 1
        if attempt.leased_at is not None:
            yield min(began, attempt.leased_at), attempt.leased_at, attempt.number
        began = attempt.ended_at or attempt.leased_at or began
    if job.phase is Phase.QUEUED:
        yield began, None, number
    elif job.phase is Phase.FAILED and _ended_in_line(facts, attempts):
        yield began, job.completed_at, None


def _ended_in_line(facts: Facts, attempts: Iterable[AttemptRow]) -> bool:
    outcomes = [attempt.outcome for attempt in attempts]
    return not outcomes or outcomes[-1] in (Outcome.HANDED_BACK, Outcome.LOST)


def _in_line(facts: Facts, attempts: tuple[AttemptRow, ...]) -> list[StageRow]:
    return [
        StageRow(Stage.LINE, began, None if ended is None else max(0.0, ended - began), number)
        for began, ended, number in line_spans(facts, attempts)
    ]


def _of_attempts(facts: Facts, attempts: Iterable[AttemptRow]) -> Iterator[StageRow]:
    for attempt in attempts:
        told = facts.account.attempts.get(attempt.fence)
        if told is not None:
            yield from _spans(attempt, told)
        finish = facts.account.finishes.get(attempt.fence)
        if finish is not None:
            if told is not None and told.outcome == HANDED_ON and told.ended_at is not None:
                took_s = max(0.0, finish.began_at - told.ended_at)
                yield StageRow(Stage.HANDED_ON, told.ended_at, took_s, attempt.number)
            yield from _finish(attempt, finish)


def _spans(attempt: AttemptRow, told: AttemptAccount) -> Iterator[StageRow]:
    over_at = None if attempt.outcome is Outcome.RUNNING else told.heard_at or attempt.ended_at
    for index, span in enumerate(told.spans):
        if span.name not in SPANS:
            continue
        at = min(told.leased_at, span.at) if not index else span.at
        until = span.until if span.until is not None else over_at
        yield StageRow(
            SPANS[span.name],
            at,
            None if until is None else max(0.0, until - at),
            attempt.number,
            span.host_bytes,
            span.device_bytes,
            None if index else told.replica,
        )


def _finish(attempt: AttemptRow, finish: Finish) -> Iterator[StageRow]:
    took_s = finish.encoded_at - finish.began_at
    yield StageRow(Stage.FILE, finish.began_at, took_s, attempt.number, finish.host_bytes)
    note = f"{finish.size_bytes} bytes"
    yield StageRow(Stage.STORED, finish.encoded_at, finish.stored_at - finish.encoded_at, attempt.number, note=note)


def _end(facts: Facts) -> Iterator[StageRow]:
    job, ended = facts.job, ended_at(facts)
    if job.completed_at is None or ended is None:
        return
    stored_at = max((each.stored_at for each in facts.account.finishes.values()), default=ended)
    began = min(stored_at, ended)
    note = job.failure.code if job.failure else None
    yield StageRow(Stage.CLOSED, began, ended - began, note=note)
    told = job.delivery
    if job.webhook is not None and job.webhook.wants(job.phase):
        over = told is not None and told.state != "waiting" and told.at is not None
        took_s = max(0.0, (told.at or 0.0) - job.completed_at) if over and told is not None else None
        note = f"{told.state}, {told.attempts} tries" if told else "waiting"
        yield StageRow(Stage.WEBHOOK, job.completed_at, took_s, note=note)
