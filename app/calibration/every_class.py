"""The stage that measures budgets: how few evaluations each class of prompt needs in each tier, from many downwards."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.calibration.budgets import Curves, Judge, Measuring, lengths
from app.calibration.notes import Notes
from app.calibration.units import Unit
from app.engine.denoiser import Denoiser
from app.plan.budgets import BudgetTable, Point, allowed_loss, rows_of
from app.plan.masks.table import MaskTable
from app.plan.prompt.complexity import FIXED_STEPS
from app.plan.tables import Tables
from app.types import ModelProfile

SHARES = (0.6, 0.4, 0.3, 0.2)
"""Of a tier's steps, behind all of them: where one loses too much, the smaller ones are not tried."""

_ASKED = 4
"""Attributes that a prompt of one subject asks for: one that is missed in one video is the least loss that is seen."""

Prompts = Mapping[str, Sequence[str]]  # by class


class BudgetMeasurer:
    """Measures the mean quality of a class at so many evaluations of so many steps."""

    def __init__(self, denoiser: Denoiser, model: ModelProfile, judge: Judge, tables: Tables, prompts: Prompts) -> None:
        """`tables` have the masks that the planner gives to its plans."""
        self._measuring = Measuring(denoiser, model, judge, tables=tables)
        self._prompts = prompts

    def measured(self, unit: Unit) -> float:
        complexity, steps, budget = unit.key.split("/")
        return self._measuring.quality(complexity, self._prompts[complexity], int(steps), int(budget))


class EveryClass:
    """The stage of all classes and tiers."""

    name = "budgets"

    def __init__(
        self,
        model: ModelProfile,
        measure: str,
        prompts: Prompts,
        shares: Sequence[float] = SHARES,
        masks: MaskTable | None = None,
    ) -> None:
        """`masks`: those of the model, where they are known; budgets without good ones are not tried."""
        self._model, self._measure, self._prompts = model, measure, prompts
        self._shares = (1.0, *sorted(shares, reverse=True))
        fewest = min((len(row) for row in prompts.values()), default=1)
        self._least_seen = math.ceil(10_000 / (_ASKED * max(1, fewest))) / 100
        self._masks = masks if masks is not None and masks.revision == model.revision else None

    def rounds(self, notes: Notes) -> Iterator[Sequence[Unit]]:
        yield [self._unit(complexity, FIXED_STEPS, FIXED_STEPS) for complexity in self._prompts]
        for share in self._shares:
            wanted = {
                (complexity, steps, self._budget(share, steps))
                for complexity in self._prompts
                for tier, steps in lengths(complexity, self._model.tiers).items()
                if not self._lost(notes, complexity, tier, steps)
            }
            yield [self._unit(*each) for each in sorted(wanted, key=lambda each: -each[2])]

    def told(self, unit: Unit, found: Any) -> str:
        complexity, steps, budget = unit.key.split("/")
        return f"{complexity}, {budget} of {steps} steps: {found:.1f} points"

    def table(self, notes: Notes) -> BudgetTable:
        """The table of what the notes have, which is all."""
        curves: Curves = {
            complexity: {
                tier: self._points(notes, complexity, steps)
                for tier, steps in lengths(complexity, self._model.tiers).items()
            }
            for complexity in self._prompts
        }
        full = {each: float(notes[f"{each}/{FIXED_STEPS}/{FIXED_STEPS}"]) for each in self._prompts}
        counts = {name: len(row) for name, row in self._prompts.items()}
        return BudgetTable(
            self._model.id, self._model.revision, self._measure, counts, rows_of(curves, full, self._least_seen)
        )

    def _unit(self, complexity: str, steps: int, budget: int) -> Unit:
        return Unit(f"{complexity}/{steps}/{budget}", len(self._prompts[complexity]) * budget)

    def _points(self, notes: Notes, complexity: str, steps: int) -> list[Point]:
        budgets = sorted({self._budget(share, steps) for share in self._shares})
        return [
            Point(steps, budget, notes[key]) for budget in budgets if (key := f"{complexity}/{steps}/{budget}") in notes
        ]

    def _lost(self, notes: Notes, complexity: str, tier: str, steps: int) -> bool:
        """Whether the smallest budget so far already loses more than the tier allows."""
        points = self._points(notes, complexity, steps)
        if not points:
            return False
        full = float(notes[f"{complexity}/{FIXED_STEPS}/{FIXED_STEPS}"])
        least = min(full, points[-1].quality) - allowed_loss(tier, self._least_seen)
        return points[0].quality < least

    def _budget(self, share: float, steps: int) -> int:
        """The share of the steps, raised to the next budget that the planner would give."""
        budget = max(2, round(share * steps))
        return budget if self._masks is None else self._masks.raised(steps, budget, self._model.samplers[0])
