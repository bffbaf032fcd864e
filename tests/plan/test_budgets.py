from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.plan.budgets import BudgetTable, Point, read, rows_of, smallest, write
from app.plan.prompt.complexity import CLASSES

CURVE = [Point(25, 5, 70.0), Point(25, 10, 94.5), Point(25, 15, 95.5), Point(25, 25, 96.0)]


def test_the_smallest_budget_within_the_loss_wins() -> None:
    assert smallest(CURVE, full=96.0, loss=1.0).budget == 15
    assert smallest(CURVE, full=96.0, loss=2.0).budget == 10


def test_a_lucky_small_budget_does_not_win_over_a_bad_larger_one() -> None:
    lucky = [replace(CURVE[0], quality=99.0), *CURVE[1:]]
    assert smallest(lucky, full=96.0, loss=1.0).budget == 15


def test_where_these_steps_do_not_reach_the_full_run_nothing_is_spent_that_does_not_help() -> None:
    assert smallest(CURVE, full=99.0, loss=1.0).budget == 15
    assert smallest(CURVE, full=99.0, loss=0.2).budget == 25


@given(st.lists(st.lists(st.floats(0, 100), min_size=3, max_size=3), min_size=4, max_size=4))
def test_a_harder_class_never_gets_less_within_a_tier(found: list[list[float]]) -> None:
    curves = {
        row.name: {"standard": [Point(25, budget, q) for budget, q in zip((5, 10, 25), qualities, strict=True)]}
        for row, qualities in zip(CLASSES, found, strict=True)
    }
    budgets = [row.budget for row in rows_of(curves, dict.fromkeys((row.name for row in CLASSES), 90.0))]
    assert budgets == sorted(budgets)


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = rows_of({"simple": {"standard": CURVE}}, {"simple": 96.0})
    table = BudgetTable("m", "1", "adherence", {"simple": 8}, rows)
    write(table, tmp_path / "m.json")
    assert read(tmp_path / "m.json") == table


@pytest.mark.parametrize(
    "text", ["{}", '{"format": "kinoray-budgets-1"}', '{"format": "kinoray-budgets-1", "rows": [{}]}']
)
def test_a_damaged_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(ValueError, match="json"):
        read(tmp_path / "m.json")


def test_a_table_that_gives_a_harder_class_less_is_refused(tmp_path: Path) -> None:
    rows = rows_of({"simple": {"standard": CURVE}}, {"simple": 96.0})
    less = replace(rows[0], complexity="moderate", budget=1)
    write(BudgetTable("m", "1", "adherence", {}, (*rows, less)), tmp_path / "m.json")
    with pytest.raises(ValueError, match="smaller"):
        read(tmp_path / "m.json")
