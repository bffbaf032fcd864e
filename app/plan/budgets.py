"""The measured table of a model comes in, the budget that a class needs in a tier goes out; checked when it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from app.plan.prompt.complexity import CLASSES
from app.plan.tiers import AUTO, MOST_STEPS

FOLDER: Final = Path(__file__).parent / "calibrated"
FORMAT: Final = "kinoray-budgets-1"
ALLOWED_LOSS: Final = MappingProxyType[str, float](
    {"preview": 3.0, "standard": 1.0, "premium": 0.5, "ultra": 0.0, AUTO: 1.0}
)
"""Tier -> points out of 100 that a video may be worse than the model's full run."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured: mean quality, 0..100, of a class's prompts at so many evaluations of so many steps."""

    steps: int
    budget: int
    quality: float


@dataclass(frozen=True, slots=True)
class Budget:
    """A row: what a class gets in a tier (or by "auto"), the quality that it had there, and that of the full run."""

    tier: str
    complexity: str
    steps: int
    budget: int
    quality: float
    full_quality: float


@dataclass(frozen=True, slots=True)
class BudgetTable:
    """The rows of one model's weights; `measure` says what quality was: adherence or likeness to the full run."""

    model: str
    revision: str
    measure: str
    prompts: Mapping[str, int]  # class -> how many were measured
    rows: tuple[Budget, ...]

    def row(self, tier: str, complexity: str) -> Budget | None:
        """The row, None when that class was not measured in that tier."""
        return next((row for row in self.rows if (row.tier, row.complexity) == (tier, complexity)), None)


def smallest(points: Sequence[Point], full: float, loss: float) -> Point:
    """The cheapest point from which on, at every larger budget of the same steps, at most `loss` points are lost.

    They are lost against the full run, or, where these steps do not reach its quality with all their evaluations,
    against those: what more evaluations do not mend need not be spent. Looking at all larger budgets keeps a lucky
    small one from winning.

    Raises:
        ValueError: there are no points.
    """
    if not points:
        raise ValueError("nothing was measured")
    best, *others = sorted(points, key=lambda point: -point.budget)
    least = min(full, best.quality) - loss
    for point in others:
        if point.quality < least:
            break
        best = point
    return best


def allowed_loss(tier: str, least_seen: float = 0.0) -> float:
    """Points that a tier may lose; where it may lose any, at least `least_seen`: less than that cannot be measured."""
    return max(ALLOWED_LOSS[tier], least_seen) if ALLOWED_LOSS[tier] else 0.0


def rows_of(
    curves: Mapping[str, Mapping[str, Sequence[Point]]], full: Mapping[str, float], least_seen: float = 0.0
) -> tuple[Budget, ...]:
    """The rows from measured curves (class -> tier -> points) and the full run's quality by class.

    Within a tier a harder class never gets fewer evaluations than an easier one. `least_seen` as in `allowed_loss`.
    """
    rows = []
    for tier in ALLOWED_LOSS:
        least, loss = 0, allowed_loss(tier, least_seen)
        for complexity in (row.name for row in CLASSES):
            points = curves.get(complexity, {}).get(tier)
            if not points:
                continue
            found = smallest(points, full[complexity], loss)
            least = max(least, found.budget)
            fit = min((point for point in points if point.budget >= least), key=lambda point: point.budget)
            least = fit.budget
            rows.append(Budget(tier, complexity, fit.steps, fit.budget, fit.quality, full[complexity]))
    return tuple(rows)


def write(table: BudgetTable, path: Path) -> None:
    """Keep the table as JSON, a row in each line."""
    head = {"format": FORMAT, "model": table.model, "revision": table.revision, "measure": table.measure}
    lines = ",\n".join(f"    {json.dumps(asdict(row))}" for row in table.rows)
    body = json.dumps(head | {"prompts": dict(table.prompts)}, indent=2).removesuffix("\n}")
    path.write_text(f'{body},\n  "rows": [\n{lines}\n  ]\n}}\n')


def read(path: Path) -> BudgetTable:
    """Raises ValueError when the file is no sound table."""
    told = json.loads(path.read_text())
    if told.get("format") != FORMAT:
        raise ValueError(f"{path} is not a table of budgets")
    try:
        rows = tuple(Budget(**row) for row in told["rows"])
        table = BudgetTable(told["model"], told["revision"], told["measure"], told["prompts"], rows)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
    return _checked(table, path)


def _checked(table: BudgetTable, path: Path) -> BudgetTable:
    order = [row.name for row in CLASSES]
    for row in table.rows:
        known = row.tier in ALLOWED_LOSS and row.complexity in order
        if not known or not 1 <= row.budget <= row.steps <= MOST_STEPS:
            raise ValueError(f"{path}: {row}")
    for tier in ALLOWED_LOSS:
        mine = sorted((row for row in table.rows if row.tier == tier), key=lambda row: order.index(row.complexity))
        if [row.budget for row in mine] != sorted(row.budget for row in mine):
            raise ValueError(f"{path}: in tier {tier} a harder class has a smaller budget")
    return table


def budget_for(table: BudgetTable | None, revision: str, tier: str, complexity: str, steps: int) -> Budget | None:
    """The model's measured row for a plan of that many steps; None without one, or for other weights or steps.

    A class that was not measured (the built-in world has no very complex prompts) gets no row: the full budget.
    """
    if table is None or table.revision != revision:
        return None
    row = table.row(tier, complexity)
    return row if row is not None and row.steps == steps else None
