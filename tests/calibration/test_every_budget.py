from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.calibration.every_budget import Asked, EveryBudget, MaskMeasurer, limit_of, on_ladder, urgent_first
from app.calibration.full_run import FullRun
from app.calibration.mask_search import plans
from app.calibration.mask_walks import walk_all
from app.calibration.notes import Notes
from app.calibration.units import Clock, OwnHands, work
from app.plan.masks.mask import ends_kept, evenly
from app.plan.masks.table import MaskTable, Verified, read, write
from tests.calibration.test_mask_search import MODEL, PROMPTS, Bent, Weary

ASKED = Asked(("euler", "unipc"), PROMPTS, lengths=(4, 6, 7))


def sought(folder: Path, denoiser: Bent | None = None, asked: Asked = ASKED, clock: Clock | None = None) -> MaskTable:
    stage, notes = EveryBudget(MODEL, asked), Notes(folder / "notes.jsonl", {"prompts": list(asked.prompts)})
    measurer = MaskMeasurer(denoiser or Bent(), MODEL, asked, None)
    work(stage, notes, OwnHands(measurer), lambda line: None, clock or Clock())
    return stage.table(notes)


def test_every_budget_of_every_length_is_walked_for_each_sampler(tmp_path: Path) -> None:
    table = sought(tmp_path)
    pairs = {(row.sampler, row.masks.steps, row.masks.budget) for row in table.rows}
    assert pairs == {(each, *pair) for each in ("euler", "unipc") for pair in ((6, 4), (6, 5), (7, 4), (7, 5), (7, 6))}
    write(table, tmp_path / "tiny.json")
    assert read(tmp_path / "tiny.json") == table


def test_the_errors_in_the_table_are_those_of_each_mask_walked_by_itself(tmp_path: Path) -> None:
    for row in sought(tmp_path).rows:
        full = FullRun(Bent(), plans(MODEL, PROMPTS, row.masks.steps, row.sampler), [1.0] * row.masks.steps)
        assert row.error == pytest.approx(full.error(full.walk(row.masks)), rel=0.01, abs=1e-12)


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
def test_masks_that_are_walked_together_end_where_each_does_alone(sampler: str) -> None:
    full = FullRun(Bent(), plans(MODEL, PROMPTS, 9, sampler), [1.0] * 9)
    masks = [*(evenly(9, budget) for budget in (3, 5, 8)), *(ends_kept(9, budget) for budget in (3, 5, 8))]
    masks += [replace(each, order=2) for each in masks if sampler == "unipc"]
    together = walk_all(Bent(), full, masks)
    for each in masks:
        assert sum(together[each]) / 2 == pytest.approx(full.error(full.walk(each)), rel=1e-4, abs=1e-12)


def test_a_search_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            sought(tmp_path / "stopped", Weary(150))
    assert sought(tmp_path / "stopped") == sought(tmp_path / "whole")


def test_lengths_that_time_did_not_allow_have_no_rows_and_are_refused(tmp_path: Path) -> None:
    sought(tmp_path, asked=replace(ASKED, lengths=(6,)))
    table = sought(tmp_path, asked=replace(ASKED, lengths=(6, 7)), clock=Clock(until=-1.0))
    assert {row.masks.steps for row in table.rows} == {6}
    assert table.masks(7, 5, "euler") is None
    assert not table.good(7, 5, "euler")


def test_lengths_of_the_tiers_come_first_and_then_what_takes_longest() -> None:
    assert urgent_first([5, 6, 18, 40, 25]) == [25, 18, 40, 6, 5]


def judged(error: float, lost: float, prompts: int = 2400) -> Verified:
    return Verified("euler", 15, 8, error, 95.0 - lost, 95.0, prompts)


def test_the_limit_is_the_rung_up_to_which_judged_rows_lose_no_more_than_a_point() -> None:
    few = [judged(1e-5, 0.2), judged(1e-4, -0.2), judged(2e-3, 1.5), judged(1e-3, 0.3), judged(2e-2, 6.0)]
    assert limit_of(few) == 3e-3
    assert limit_of([*few, judged(1.5e-3, 2.0)]) == 3e-4
    assert limit_of([judged(1e-6, 4.0, 24)]) == 3e-5  # one of 24 prompts, which happens
    assert limit_of([judged(1e-6, 12.5, 24)]) == 0.0
    assert limit_of([judged(1e-6, 0.0), judged(2e-2, 0.0)]) == 3e-2


def test_of_each_rung_the_worst_row_below_it_is_judged_once() -> None:
    rows = [("1", 0, 0.5), ("11", 0, 2e-2), ("111", 0, 1e-4), ("1111", 0, 5e-5)]
    assert [row[0] for row in on_ladder(rows)] == ["111", "11"]
    assert on_ladder([]) == []
