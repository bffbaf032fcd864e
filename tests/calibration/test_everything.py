from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.calibration.everything import QUICK, STAGES, Effort, measure_all, stage_of
from app.calibration.notes import Notes
from app.calibration.subject import CannotMeasure, chosen
from app.calibration.units import Clock


def test_a_stage_that_there_is_not_is_refused_by_its_name() -> None:
    with pytest.raises(CannotMeasure, match="mask; there is: masks"):
        measure_all(["mask"], QUICK, 1, None, None, print)


@pytest.mark.parametrize("name", [name for name in STAGES if name != "similar"])
def test_each_stage_says_what_it_is_about_to_measure_and_what_that_costs(name: str, tmp_path: Path) -> None:
    subject = chosen(None, "float32", 1)
    some, more = (
        sum(unit.cost for unit in next(stage_of(name, subject, effort).stage.rounds(Notes(tmp_path / "n.jsonl", {}))))
        for effort in (QUICK, replace(Effort(), walked=2))
    )
    assert 0 < some < more


def test_a_round_that_is_begun_anew_is_timed_anew() -> None:
    now = [0.0]
    clock = Clock(now=lambda: now[0])
    clock.begin()
    now[0] = 10.0
    assert clock.left_s(5.0, 20.0) == 40.0
    clock.begin()
    now[0] = 11.0
    assert clock.left_s(5.0, 20.0) == 4.0
