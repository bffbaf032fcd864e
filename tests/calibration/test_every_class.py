from __future__ import annotations

from pathlib import Path

import pytest

from app.calibration.budgets import Likeness
from app.calibration.every_class import BudgetMeasurer, EveryClass
from app.calibration.notes import Notes
from app.calibration.units import Clock, OwnHands, Unit, work
from app.plan.budgets import allowed_loss, read, write
from app.plan.tables import Tables
from tests.calibration.test_budgets import MODEL, PROMPTS, Bent


class Counted(BudgetMeasurer):
    """Keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(Bent(), MODEL, Likeness(), Tables(), PROMPTS)
        self.asked: list[str] = []

    def measured(self, unit: Unit) -> float:
        self.asked.append(unit.key)
        return super().measured(unit)


def test_budgets_are_tried_downwards_until_one_loses_too_much(tmp_path: Path) -> None:
    stage, counted = EveryClass(MODEL, "likeness", PROMPTS, (0.5, 0.1, 0.05)), Counted()
    notes = Notes(tmp_path / "n.jsonl", {})
    assert work(stage, notes, OwnHands(counted), lambda line: None, Clock())
    table = stage.table(notes)
    write(table, tmp_path / "t.json")
    assert read(tmp_path / "t.json") == table
    for row in table.rows:
        tried = [
            notes[f"simple/{row.steps}/{budget}"] for budget in range(1, 51) if f"simple/{row.steps}/{budget}" in notes
        ]
        least = min(100.0, notes[f"simple/{row.steps}/{row.steps}"]) - allowed_loss(
            row.tier, 25.0 / min(map(len, PROMPTS.values()))
        )
        assert row.quality >= least
        assert sum(quality < least for quality in tried) <= 1 or row.tier == "standard"
    assert "simple/50/50" in counted.asked
    assert len(counted.asked) == len(set(counted.asked))


def test_the_full_run_of_a_class_is_measured_once(tmp_path: Path) -> None:
    unit = Unit("simple/50/50", 1.0)
    assert Counted().measured(unit) == pytest.approx(100)
