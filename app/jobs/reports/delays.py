"""What a job waited for, and by whose doing; each wait with a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from app.jobs.reports.account import AttemptAccount, Loss, Pause
from app.jobs.reports.records import AttemptRow, Cause, Facts, Outcome, WaitRow
from app.jobs.reports.timeline import line_spans, queued_at

SHORTEST_S = 0.05  # of time between a job's own forwards that is told
LEAST_SHARE = 0.05  # of its steps' time
FLIGHT = "flight"
CAUSES = [str(cause) for cause in Cause]


def outside_the_line(facts: Facts) -> bool:
    """Whether it was answered, or will be, without ever standing in the line."""
    job = facts.job
    blocked = bool(job.after) and facts.account.released is None and not job.attempts
    return facts.leader is not None or bool(facts.awaits) or blocked or job.cache.kind in ("result", FLIGHT)


def waits_of(facts: Facts, attempts: tuple[AttemptRow, ...]) -> tuple[WaitRow, ...]:
    """In order of their beginning."""
    rows = [*_before_the_line(facts, attempts), *_lost(facts, attempts)]
    if not outside_the_line(facts):
        rows += _in_line(facts, attempts)
    for attempt in attempts:
        told = facts.account.attempts.get(attempt.fence)
        if told is not None:
            rows += _pauses(facts, attempt, told)
            rows += _turns(attempt, told)
    return tuple(sorted(rows, key=lambda row: row.started_at))


def _before_the_line(facts: Facts, attempts: tuple[AttemptRow, ...]) -> Iterator[WaitRow]:
    job, began = facts.job, queued_at(facts)
    if job.after and job.cache.kind != "result":
        released, leased = facts.account.released, next((each.leased_at for each in attempts), None)
        until = None if facts.awaits else released.at if released else leased or job.completed_at
        known = tuple(each for each in facts.awaits or job.after if each in facts.others)
        why = f"It came after {_named(len(job.after), 'job')} that had to be completed first."
        yield WaitRow(Cause.DEPENDENCY, began, _took(began, until), why, by=known)
    promoted = facts.account.promoted
    if facts.leader is not None or promoted is not None or job.cache.kind == FLIGHT:
        until = job.completed_at if job.cache.kind == FLIGHT else promoted.at if promoted else None
        maker = facts.leader or facts.maker
        why = "Another job made the same video, and it waited for that."
        if promoted is not None:
            why = "Another job was making the same video, and did not complete."
        yield WaitRow(Cause.FLIGHT, began, _took(began, until), why, by=() if maker is None else (maker,))


def _in_line(facts: Facts, attempts: tuple[AttemptRow, ...]) -> Iterator[WaitRow]:
    by_number = {attempt.number: facts.account.losses.get(attempt.fence) for attempt in attempts}
    for began, ended, number in line_spans(facts, attempts):
        loss = by_number.get((number or 0) - 1)
        paused_until = _paused_until(loss, ended)
        if paused_until is not None and paused_until > began:
            why = "After the loss of its replica it stayed out of the line's way."
            yield WaitRow(Cause.BACKOFF, began, paused_until - began, why, number)
            began = paused_until
        promised = facts.job.promised_s if number == 1 else None
        said = "" if promised is None else f" (promised: {promised:.1f} s)"
        why = f"It waited in the line for a slot of pool {facts.job.plan.pool}{said}."
        yield WaitRow(Cause.LINE, began, _took(began, ended), why, number)


def _paused_until(loss: Loss | None, ended: float | None) -> float | None:
    if loss is None or loss.not_before is None:
        return None
    return loss.not_before if ended is None else min(loss.not_before, ended)


def _lost(facts: Facts, attempts: tuple[AttemptRow, ...]) -> Iterator[WaitRow]:
    """From the last word of a replica until somebody noticed that it was gone."""
    for attempt in attempts:
        told, loss = facts.account.attempts.get(attempt.fence), facts.account.losses.get(attempt.fence)
        if attempt.outcome is not Outcome.LOST or loss is None:
            continue
        began = (told.heard_at if told else None) or loss.leased_at or loss.at
        who = f"replica {told.replica}" if told else "the replica that had leased it"
        why = f"Nothing was heard of {who} any more. {attempt.why or ''}".strip()
        yield WaitRow(Cause.LEASE_LOST, began, max(0.0, loss.at - began), why, attempt.number)


def _pauses(facts: Facts, attempt: AttemptRow, told: AttemptAccount) -> Iterator[WaitRow]:
    over_at = None if attempt.outcome is Outcome.RUNNING else told.heard_at or attempt.ended_at
    for pause in told.pauses:
        if pause.cause not in CAUSES:
            continue
        until = pause.until if pause.until is not None else over_at
        known = (pause.rival,) if pause.rival in facts.others and pause.rival else ()
        took_s = _took(pause.at, until)
        yield WaitRow(Cause(pause.cause), pause.at, took_s, _why(facts, pause), attempt.number, known, pause.step)


def _why(facts: Facts, pause: Pause) -> str:
    if pause.cause == Cause.PREEMPTED:
        rival = facts.others.get(pause.rival or "")
        who = "a more urgent job" if rival is None else f"{rival.id} (priority {rival.priority})"
        return f"It was paused for {who}."
    if pause.cause == Cause.MEMORY:
        return "Its replica had no memory headroom for one more job."
    return "It waited for the step under way, and for a slot, in its replica."


def _turns(attempt: AttemptRow, told: AttemptAccount) -> Iterator[WaitRow]:
    """What the device did between this job's own forwards, where that is worth a word."""
    spans = [span for span in told.spans if span.name == "steps"]
    if not spans:
        return
    began, until = spans[0].at, spans[-1].until or told.heard_at or spans[-1].at
    paused_s = sum((pause.until or until) - pause.at for pause in told.pauses if pause.at >= began)
    between_s = until - began - paused_s - sum(run.took_s for run in told.runs)
    if between_s > max(SHORTEST_S, LEAST_SHARE * (until - began)):
        why = "Between its own forwards the device stepped other shapes, made previews or kept account."
        yield WaitRow(Cause.TURNS, began, between_s, why, attempt.number)


def _took(began: float, until: float | None) -> float | None:
    return None if until is None else max(0.0, until - began)


def _named(count: int, what: str) -> str:
    return f"a {what}" if count == 1 else f"{count} {what}s"
