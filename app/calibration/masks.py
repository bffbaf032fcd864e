"""`kinoray calibrate masks`: searches, offline, for the steps that a budget should run, and writes a table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from app.calibration.every_budget import LEAST, MOST, Asked, EveryBudget, MaskMeasurer
from app.calibration.mask_search import SHARES, STEPS, Effort, calibrate, targets_of
from app.calibration.notes import Notes
from app.calibration.subject import CannotMeasure, Chosen
from app.calibration.units import Clock, OwnHands, work
from app.embedded.checker.judge import Adherence, drawn
from app.engine.families.embedded import CALIBRATION_PROMPTS
from app.engine.sampler import SAMPLERS
from app.plan.masks.table import FOLDER, write


def effort_of(
    moves: int | None, tries: int | None, slack: float | None, seed: int | None, sampler: str | None
) -> Effort:
    """The usual effort but for what is said. Raises CannotMeasure: there is no such sampler."""
    if sampler is not None and sampler not in SAMPLERS:
        raise CannotMeasure(f"there is no sampler {sampler!r}; there is: {', '.join(SAMPLERS)}")
    usual = Effort()
    return Effort(
        usual.moves if moves is None else moves,
        usual.tries if tries is None else tries,
        usual.slack if slack is None else slack,
        usual.seed if seed is None else seed,
        usual.sampler if sampler is None else sampler,
    )


def measure(
    subject: Chosen,
    prompts: Path | None,
    steps: Sequence[int] | None,
    shares: Sequence[float] | None,
    effort: Effort,
    progress: Path | None = None,
    out: Path | None = None,
) -> Path:
    """Search for a model's masks and write them where the planner looks for them: the file. Raises CannotMeasure."""
    lines = subject.prompts(prompts, CALIBRATION_PROMPTS)
    targets = targets_of(steps or STEPS, shares or SHARES)
    say = Console(highlight=False).print
    notes = progress or subject.progress("masks")
    table = calibrate(subject.load(), subject.profile, lines, targets, effort, notes, say)
    out = out or subject.table(FOLDER, "masks")
    out.parent.mkdir(parents=True, exist_ok=True)
    write(table, out)
    return out


_WALKED = (0, 2, 6)  # of the usual prompts, one of each kind: a move, a spin, two subjects
_JUDGED = 24  # prompts
_SEED = 3  # of the held-out prompts: budgets are measured with 1, shown with 2


def measure_every(
    subject: Chosen,
    prompts: Path | None,
    steps: Sequence[int] | None,
    samplers: Sequence[str],
    minutes: float | None,
    progress: Path | None = None,
    out: Path | None = None,
) -> Path:
    """Masks for every length and budget, as far as the minutes go, written where the planner looks for them: the file.

    A table that time did not allow to be whole has the lengths that were searched; the others are refused.

    Raises:
        CannotMeasure: prompts are missing, or there is no such sampler.
    """
    for sampler in samplers:
        if sampler not in subject.profile.samplers:
            raise CannotMeasure(f"{subject.profile.id} has no sampler {sampler!r}")
    lines = list(subject.prompts(prompts, [CALIBRATION_PROMPTS[place] for place in _WALKED]))
    questions = drawn(_SEED) if subject.built_in else []
    judged = [question.prompt for question in questions[:_JUDGED]]
    asked = Asked(samplers or subject.profile.samplers, lines, judged, tuple(steps or range(LEAST, MOST + 1)))
    stage = EveryBudget(subject.profile, asked)
    facts = {"revision": subject.profile.revision, "prompts": lines, "judged": judged}
    notes = Notes(progress or subject.progress("every-mask").with_suffix(".jsonl"), facts)
    measurer = MaskMeasurer(subject.load(), subject.profile, asked, Adherence(questions) if questions else None)
    clock = Clock() if minutes is None else Clock(time.monotonic() + 60 * minutes)
    work(stage, notes, OwnHands(measurer), Console(highlight=False).print, clock)
    out = out or subject.table(FOLDER, "masks")
    out.parent.mkdir(parents=True, exist_ok=True)
    write(stage.table(notes), out)
    return out
