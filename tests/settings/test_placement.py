from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.settings import Settings
from app.settings.placement import PRESETS, Placement, chosen


def test_without_a_preset_nothing_changes() -> None:
    assert chosen(None, {}) == Placement()
    assert Settings(redis_url=None).layout == Placement()


def test_an_override_changes_one_thing_of_a_preset() -> None:
    row = chosen("memory", {"offload": "model"})
    assert row.offload == "model"
    assert row.layerwise == PRESETS["memory"].layerwise


@pytest.mark.parametrize(
    ("preset", "overrides"),
    [
        ("cheap", {}),
        (None, {"quantize": "int8"}),
        (None, {"quantise": "int3"}),
        (None, {"vae_tiling": 1}),
        (None, {"blocks_per_group": 0}),
        (None, {"blocks_per_group": True}),
        (None, {"batch_gain": float("nan")}),
        (None, {"batch_gain": "much"}),
        (None, {"dtype": ["float32"]}),
        ("memory", {"quantise": "int8"}),
        ("memory", {"compile": "default"}),
    ],
)
def test_what_cannot_be_is_refused_before_a_model_is_loaded(preset: str | None, overrides: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(preset=preset, placement=overrides)


def test_a_dtype_that_was_set_comes_before_the_presets() -> None:
    assert Settings(preset="throughput").layout.dtype == "auto"
    assert Settings(preset="throughput", dtype="bfloat16").layout.dtype == "bfloat16"
    assert Settings(preset="throughput", dtype="float32", placement={"dtype": "auto"}).layout.dtype == "auto"


def test_each_way_to_lay_a_model_out_has_a_label_of_its_own() -> None:
    rows = [Placement(), *PRESETS.values(), Placement(quantise="int8"), Placement(dtype="bfloat16")]
    assert len({row.label for row in rows}) == len(rows)
    assert Placement(batch_gain=0.5).label == Placement().label
