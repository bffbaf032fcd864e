from __future__ import annotations

from pathlib import Path

import pytest

from app.plan.layouts.table import Layout, LayoutTable, find, gated, options_of, read, write
from app.settings.placement import PRESETS, Placement

TABLE = LayoutTable(
    "tiny",
    "1-bfloat16",
    "cpu",
    "a processor",
    (
        Layout("dtype=bfloat16", step_s=1, plain_step_s=2, likeness=90, adherence=97.5, plain_adherence=98.0),
        Layout("quantise=int8", step_s=1, plain_step_s=2, likeness=99, adherence=96.5, plain_adherence=98.0),
        Layout("layerwise=float8_e4m3fn", step_s=1, plain_step_s=2, likeness=98.5),
        Layout("quantise=float8", why="this device does not multiply float8"),
    ),
)
SMALL = Placement(dtype="bfloat16", quantise="int8")


def test_an_option_that_loses_more_than_a_point_is_left_out_unless_forced() -> None:
    placement, told = gated(SMALL, (), TABLE, "1", "cpu")
    assert placement == Placement(dtype="bfloat16")
    assert "quantise=int8 loses 1.5 points" in told[0]
    forced, told = gated(SMALL, {"quantise"}, TABLE, "1", "cpu")
    assert forced == SMALL
    assert "because it is asked for" in told[0]


def test_other_weights_and_devices_were_not_measured() -> None:
    for table, revision, device in ((None, "1", "cpu"), (TABLE, "2", "cpu"), (TABLE, "1", "cuda")):
        assert gated(SMALL, (), table, revision, device) == (SMALL, ())


def test_without_a_checker_likeness_decides_and_what_was_not_measured_is_not_judged() -> None:
    placement, _ = gated(PRESETS["memory"], (), TABLE, "1", "cpu")
    assert (placement.layerwise, placement.offload) == ("none", "group")
    unknown = Placement(quantise="float8")
    assert gated(unknown, (), TABLE, "1", "cpu") == (unknown, ())


def test_what_changes_a_video_is_named_each_by_itself() -> None:
    assert options_of(Placement()) == ()
    assert options_of(PRESETS["throughput"]) == ("dtype=bfloat16", "compile=default")


def test_a_table_is_read_as_it_was_written_and_an_operators_comes_first(tmp_path: Path) -> None:
    (tmp_path / "layouts").mkdir()
    write(TABLE, tmp_path / "layouts" / "tiny.json")
    assert find("tiny", tmp_path) == TABLE
    assert find("unknown", tmp_path) is None
    (tmp_path / "layouts" / "tiny.json").write_text('{"format": "else"}')
    with pytest.raises(ValueError, match="tiny.json is no table of layouts"):
        read(tmp_path / "layouts" / "tiny.json")
