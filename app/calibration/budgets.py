"""`kinoray calibrate budgets`: measures, offline, how few evaluations each class of prompt needs in each tier.

The planner reads the table that this writes. Quality is adherence where a checker knows what the prompt asks (the
built-in model), else likeness to the model's own full run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from rich.console import Console

from app.calibration.offline import made
from app.calibration.subject import CannotMeasure, Chosen
from app.embedded.checker.judge import Adherence, drawn
from app.engine.denoiser import Denoiser, Frames
from app.engine.timing.step_times import warm_up_plan
from app.plan.budgets import ALLOWED_LOSS, FOLDER, BudgetTable, Point, rows_of, write
from app.plan.masks.table import with_masks
from app.plan.prompt.complexity import CLASSES, FIXED_STEPS, analyse
from app.plan.tables import NO_TABLES, Tables, load_tables
from app.plan.tiers import AUTO, TIERS
from app.types import ModelProfile, Plan, TierOfModel
from app.video.likeness import ssim

SHARES = (0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
"""Of a tier's steps: the budgets that are tried."""
_LEAST = 8  # prompts of a class, below which it is not measured

Curves = dict[str, dict[str, list[Point]]]  # class -> tier or "auto" -> points


class Judge(Protocol):
    """Says how good videos are."""

    @property
    def measure(self) -> str:
        """What its points are."""
        ...

    def quality(self, prompts: Sequence[str], videos: Sequence[Frames], full: Sequence[Frames]) -> float:
        """Mean quality of the videos of these prompts, 0..100; `full` are those of the full run, in the same order."""
        ...


class Likeness:
    """Structural similarity to the full run of the same seed, for any model."""

    measure = "likeness"

    def quality(self, prompts: Sequence[str], videos: Sequence[Frames], full: Sequence[Frames]) -> float:
        alike = [ssim(one, other) for one, other in zip(videos, full, strict=True)]
        return 100 * sum(alike) / len(alike)


def by_class(prompts: Sequence[str], most: int) -> dict[str, list[str]]:
    """The first `most` prompts of each complexity class; classes of very few are left out."""
    found: dict[str, list[str]] = {row.name: [] for row in CLASSES}
    for prompt in prompts:
        row = found[analyse(prompt).complexity]
        if len(row) < most and prompt not in row:
            row.append(prompt)
    return {name: row for name, row in found.items() if len(row) >= min(_LEAST, most)}


def lengths(complexity: str, own: Sequence[TierOfModel] = ()) -> dict[str, int]:
    """Steps that a class gets, by tier and by "auto", as far as their budgets may be smaller.

    Tiers whose steps are the model's `own` (those of a student, of a few-step adapter) have no smaller ones.
    """
    place = [row.name for row in CLASSES].index(complexity)
    found = {name: tier.steps[place] for name, tier in TIERS.items()} | {AUTO: CLASSES[place].steps}
    few = {row.tier for row in own if row.steps}
    return {name: steps for name, steps in found.items() if ALLOWED_LOSS[name] > 0 and name not in few}


class Measuring:
    """One model's qualities by class, steps and budget; what `progress` has is not measured again."""

    def __init__(
        self,
        denoiser: Denoiser,
        model: ModelProfile,
        judge: Judge,
        progress: Path | None = None,
        tables: Tables = NO_TABLES,
    ) -> None:
        """`tables` have the masks that the planner would give to its plans.

        Raises:
            ValueError: the progress is of other weights or of another measure.
        """
        self._denoiser = denoiser
        self._model = model
        self._masks = tables.masks
        self._judge = judge
        self._progress = progress
        self._known: dict[str, float] = {}
        if progress is not None and progress.exists():
            told = json.loads(progress.read_text())
            if told["revision"] != model.revision or told["measure"] != judge.measure:
                raise ValueError(f"{progress} is of other weights or of another measure")
            self._known = told["qualities"]
        self._full: dict[str, list[Frames]] = {}

    def plans(self, prompts: Sequence[str], steps: int, budget: int) -> list[Plan]:
        """A plan for each prompt, each with a seed of its own that does not depend on the rest."""
        base = warm_up_plan(self._model)
        sampling = replace(base.sampling, steps=steps, budget=budget)
        plan = with_masks(replace(base, sampling=sampling), self._masks)
        return [replace(plan, prompt=p, sampling=replace(sampling, seed=seed)) for seed, p in enumerate(prompts)]

    def quality(self, complexity: str, prompts: Sequence[str], steps: int, budget: int) -> float:
        """Mean quality of a class at so many evaluations of so many steps."""
        key = f"{complexity}/{len(prompts)}/{steps}/{budget}"
        if key not in self._known:
            whole = (steps, budget) == (FIXED_STEPS, FIXED_STEPS)
            full = self.full(complexity, prompts)
            videos = full if whole else made(self._denoiser, self.plans(prompts, steps, budget))
            self._known[key] = self._judge.quality(prompts, videos, full)
            self._save()
        return self._known[key]

    def full(self, complexity: str, prompts: Sequence[str]) -> list[Frames]:
        """What the fixed default of 50 steps makes of them."""
        if complexity not in self._full:
            self._full[complexity] = made(self._denoiser, self.plans(prompts, FIXED_STEPS, FIXED_STEPS))
        return self._full[complexity]

    def _save(self) -> None:
        if self._progress is not None:
            self._progress.parent.mkdir(parents=True, exist_ok=True)
            told = {"revision": self._model.revision, "measure": self._judge.measure, "qualities": self._known}
            self._progress.write_text(json.dumps(told, indent=1))


def curves_of(
    measuring: Measuring, prompts: Mapping[str, Sequence[str]], shares: Sequence[float], tell: Callable[[str], None]
) -> tuple[Curves, dict[str, float]]:
    """Quality against budget for each class and tier, and the full run's quality by class."""
    curves: Curves = {}
    full: dict[str, float] = {}
    for complexity, row in prompts.items():
        full[complexity] = measuring.quality(complexity, row, FIXED_STEPS, FIXED_STEPS)
        tell(f"{complexity}: {len(row)} prompts, full run {full[complexity]:.1f}")
        curves[complexity] = {}
        for tier, steps in lengths(complexity).items():
            budgets = sorted({max(2, round(share * steps)) for share in shares})
            points = [Point(steps, each, measuring.quality(complexity, row, steps, each)) for each in budgets]
            curves[complexity][tier] = points
            tell(f"  {tier}, {steps} steps: " + ", ".join(f"{p.budget}: {p.quality:.1f}" for p in points))
    return curves, full


def measure(
    subject: Chosen,
    prompts: Path | None,
    count: int,
    shares: Sequence[float] | None,
    seed: int,
    progress: Path | None = None,
    out: Path | None = None,
) -> Path:
    """Measure a model's budgets and write them where the planner looks for them: the file. Raises CannotMeasure."""
    model = subject.profile
    judge: Judge
    if prompts is not None:
        judge, lines = Likeness(), subject.prompts(prompts, ())
    else:
        questions = drawn(seed)
        judge, lines = Adherence(questions), subject.prompts(None, [question.prompt for question in questions])
    classes = by_class(lines, count)
    if not classes:
        raise CannotMeasure(f"no class has {min(_LEAST, count)} prompts")
    notes, tables = progress or subject.progress("budgets"), load_tables(subject.folder)
    measuring = Measuring(subject.load(), model, judge, notes, tables)
    curves, full = curves_of(measuring, classes, sorted({*(shares or SHARES), 1.0}), Console(highlight=False).print)
    counts = {name: len(row) for name, row in classes.items()}
    out = out or subject.table(FOLDER, "budgets")
    out.parent.mkdir(parents=True, exist_ok=True)
    write(BudgetTable(model.id, model.revision, judge.measure, counts, rows_of(curves, full)), out)
    return out
