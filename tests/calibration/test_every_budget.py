from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.calibration.every_budget import EveryBudget, Measure, limit_of, to_judge
from app.plan.masks.table import MaskTable, Verified
from tests.calibration.test_mask_search import MODEL, PROMPTS, Bent, Weary

MEASURE = Measure(("euler", "unipc"), PROMPTS, (), None, lengths=(4, 6, 7))


def sought(folder: Path, denoiser: Bent | None = None, measure: Measure = MEASURE) -> MaskTable:
    return EveryBudget(denoiser or Bent(), MODEL, measure, folder / "notes.jsonl", lambda line: None).table()


def test_every_budget_of_every_length_is_walked_for_each_sampler(tmp_path: Path) -> None:
    table = sought(tmp_path)
    pairs = {(row.sampler, row.masks.steps, row.masks.budget) for row in table.rows}
    assert pairs == {(each, *pair) for each in ("euler", "unipc") for pair in ((6, 4), (6, 5), (7, 4), (7, 5), (7, 6))}
    assert all(row.walked for row in table.rows)


def test_a_search_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            sought(tmp_path / "stopped", Weary(120))
    assert sought(tmp_path / "stopped") == sought(tmp_path / "whole")


def test_rows_that_time_did_not_allow_count_by_expectation_and_say_so(tmp_path: Path) -> None:
    sought(tmp_path, measure=replace(MEASURE, lengths=(6,)))
    table = sought(tmp_path, measure=replace(MEASURE, lengths=(7,), until=-1.0))
    assert {row.walked for row in table.rows if row.masks.steps == 6} == {True}


def test_notes_of_other_prompts_are_refused(tmp_path: Path) -> None:
    sought(tmp_path, measure=replace(MEASURE, lengths=(4,)))
    with pytest.raises(ValueError, match="another search"):
        sought(tmp_path, measure=replace(MEASURE, prompts=("else",)))
    assert json.loads((tmp_path / "notes.jsonl").read_text().splitlines()[0])["asked"]["prompts"] == list(PROMPTS)


def judged(error: float, lost: float) -> Verified:
    return Verified("euler", 15, 8, error, 95.0 - lost, 95.0, 24)


def test_the_limit_is_the_error_up_to_which_judged_rows_lose_no_more_than_a_point() -> None:
    rows = [judged(1e-4, 0.0), judged(1e-3, 1.5), judged(5e-3, 0.5), judged(2e-2, 6.0), judged(0.1, 0.0)]
    assert limit_of(rows) == 5e-3
    assert limit_of([judged(1e-4, 4.0)]) == 0.0
    assert to_judge([]) == []
