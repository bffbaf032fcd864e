"""`kinoray calibrate masks`: searches, offline, for the steps that a budget should run, and writes a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from app.calibration.mask_search import SHARES, STEPS, Effort, calibrate, targets_of
from app.calibration.subject import CannotMeasure, Chosen
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
