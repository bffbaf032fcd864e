"""Where most of a job's time went: stages and waits come in, one of them goes out with a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app.jobs.reports.records import AttemptRow, Bottleneck, Cause, Facts, Outcome, Stage, StageRow, WaitRow
from app.types import Word

LOST_WORK = "lost_work"
INSIDE_STEPS = {Cause.PREEMPTED, Cause.MEMORY, Cause.TURNS}
_SAID: dict[Word | str, str] = {
    Stage.ANALYSED: "went into analysing the prompt",
    Stage.PICTURE: "went into fetching and checking its picture",
    Stage.CACHE: "went into looking it up in the cache",
    Stage.FILES: "went into looking for the cached files",
    Stage.SIMILAR: "went into looking for a similar video",
    Stage.ADMITTED: "went into admitting and recording it",
    Stage.LEASED: "went into what its replica read before the first step",
    Stage.ENCODE: "went into encoding the prompt",
    Stage.DECODE: "went into decoding the latent",
    Stage.HANDED_ON: "went into handing the frames to a finisher",
    Stage.FILE: "went into making a file of the frames",
    Stage.STORED: "went into storing the files",
    Stage.CLOSED: "went into closing its record",
    Cause.LINE: "it waited in the line for a slot: more replicas, or a higher priority, would help",
    Cause.BACKOFF: "it stayed out of the way after its replica was lost",
    Cause.DEPENDENCY: "it waited for the jobs that it came after",
    Cause.FLIGHT: "it waited for another job that made the same video",
    Cause.SLOT: "it waited for a slot inside of its replica",
    Cause.MEMORY: "it waited for memory headroom",
    Cause.PREEMPTED: "it was paused for more urgent jobs",
    Cause.TURNS: "the device stepped other jobs between its own steps",
    Cause.LEASE_LOST: "went by until the loss of its replica was noticed",
    LOST_WORK: "was work that was lost with a replica and done again",
}
SAID = {str(word): said for word, said in _SAID.items()}
"""After a share of the time."""


def bottleneck_of(
    facts: Facts, stages: Sequence[StageRow], waits: Sequence[WaitRow], attempts: Sequence[AttemptRow], now: float
) -> Bottleneck:
    """The largest part; `now` is the job's end, or the moment of the report."""
    spent = _spent(facts, stages, waits, attempts, now)
    began = min((row.started_at for row in stages), default=now)
    total_s = max(0.0, now - began)
    name, took_s = max(spent.items(), key=lambda pair: pair[1], default=(Stage.RECEIVED.value, 0.0))
    share = min(1.0, took_s / total_s) if total_s else 0.0
    if facts.job.cache.kind == "result":
        sentence = f"Answered from the cache in {total_s:.3g} s: nothing was made."
    else:
        so_far = "" if facts.job.phase.ended else "So far, "
        said = _steps_said(attempts) if name == Stage.STEPS else SAID.get(name, f"went into {name}")
        sentence = f"{so_far}{share:.0%} of {total_s:.3g} s {said}."
    return Bottleneck(name, took_s, share, sentence)


def _spent(
    facts: Facts, stages: Sequence[StageRow], waits: Sequence[WaitRow], attempts: Sequence[AttemptRow], now: float
) -> Counter[str]:
    spent: Counter[str] = Counter()
    for stage in stages:
        if stage.name not in (Stage.LINE, Stage.WEBHOOK, Stage.RECEIVED):
            spent[stage.name.value] += _seconds(stage, now)  # type: ignore[assignment]
    for wait in waits:
        spent[wait.cause.value] += _seconds(wait, now)  # type: ignore[assignment]
    steps = [stage for stage in stages if stage.name is Stage.STEPS]
    inside = sum(_seconds(wait, now) for wait in waits if wait.cause in INSIDE_STEPS and _within(wait, steps, now))
    lost = _lost_work(facts, stages, attempts, now)
    spent[Stage.STEPS.value] -= inside + lost  # type: ignore[assignment]
    if lost:
        spent[LOST_WORK] += lost  # type: ignore[assignment]
    return spent


def _lost_work(facts: Facts, stages: Sequence[StageRow], attempts: Sequence[AttemptRow], now: float) -> float:
    """Seconds of steps whose outcome no later attempt went on from."""
    lost = 0.0
    for attempt, following in zip(attempts, attempts[1:], strict=False):
        told = facts.account.attempts.get(attempt.fence)
        if told is None or attempt.outcome is Outcome.COMPLETED:
            continue
        done = sum(run.steps for run in told.runs)
        kept = max(0, (following.resumed_from_step or 0) - told.begins_at)
        took = [each for each in stages if each.name is Stage.STEPS and each.attempt == attempt.number]
        lost += sum(_seconds(each, now) for each in took) * max(0, done - kept) / max(1, done)
    return lost


def _seconds(row: StageRow | WaitRow, now: float) -> float:
    return max(0.0, now - row.started_at) if row.duration_s is None else row.duration_s


def _within(wait: WaitRow, steps: Sequence[StageRow], now: float) -> bool:
    return any(each.started_at <= wait.started_at <= each.started_at + _seconds(each, now) for each in steps)


def _steps_said(attempts: Sequence[AttemptRow]) -> str:
    runs = [run for attempt in attempts for run in attempt.batches]
    evaluated = sum(run.steps for run in runs if run.batch)
    if not evaluated:
        return "went into denoising"
    mean = sum(run.batch * run.steps for run in runs if run.batch) / evaluated
    each_s = sum(run.took_s for run in runs) / evaluated
    together = "alone" if mean < 1.05 else f"in batches of {mean:.1f} on average"
    return (
        f"went into denoising: {evaluated} of {sum(run.steps for run in runs)} steps ran the denoiser, {together}, "
        f"{each_s:.2g} s each"
    )
