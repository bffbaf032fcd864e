from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.plan.speculative.table import DraftRow, DraftTable, read, table_for, write

ROW = DraftRow("standard", 0.8, 0.25, {25: 16, 35: 22}, 96, 95.1, 95.4, 90.0, 0.9, 7.5, 10.0, 0.8)
TABLE = DraftTable("shapes", "1", "abc", "adherence", (ROW, replace(ROW, tier="auto")))


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(TABLE, tmp_path / "a.json")
    assert read(tmp_path / "a.json") == TABLE


def test_a_tier_and_length_that_were_measured_have_a_start_and_others_none() -> None:
    assert TABLE.start("standard", 35) == (ROW, 22)
    assert TABLE.start("standard", 30) is None
    assert TABLE.start("premium", 25) is None


def test_a_table_is_of_exactly_its_weights_and_its_maker_of_drafts() -> None:
    known = {"shapes": TABLE}
    assert table_for(known, "shapes", "1", "abc") is TABLE
    assert table_for(known, "shapes", "2", "abc") is None
    assert table_for(known, "shapes", "1", "abd") is None
    assert table_for(known, "other", "1", "abc") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": 1.0},
        {"level": 0.0},
        {"most_residual": -1},
        {"starts": {"25": 25}},
        {"starts": {"25": 0}},
        {"starts": 3},
    ],
)
def test_a_row_out_of_bounds_is_refused_by_file(tmp_path: Path, wrong: dict[str, object]) -> None:
    path = tmp_path / "a.json"
    write(replace(TABLE, rows=(ROW,)), path)
    told = json.loads(path.read_text())
    told["rows"][0] |= wrong
    path.write_text(json.dumps(told))
    with pytest.raises(ValueError, match=r"a\.json"):
        read(path)


def test_two_rows_of_one_tier_are_refused(tmp_path: Path) -> None:
    write(replace(TABLE, rows=(ROW, ROW)), tmp_path / "a.json")
    with pytest.raises(ValueError, match="two rows"):
        read(tmp_path / "a.json")
