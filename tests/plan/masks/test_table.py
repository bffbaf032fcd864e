from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.plan.masks.mask import Masks, cost, evenly
from app.plan.masks.table import Row, Table, bits, evaluations, fingerprint, masks_of, read, tables, unbits, write
from tests.engine.plans import make_plan

FOUND = Masks(unbits("1110110010"), unbits("1100100010"))
TABLE = Table("tiny", "1", (Row(FOUND, 0.01, 0.02), Row(evenly(40, 30), 0.001, 0.001)))


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(TABLE, tmp_path / "tiny.json")
    assert read(tmp_path / "tiny.json") == TABLE
    assert tables(tmp_path) == {"tiny": TABLE}


def test_the_nearest_row_is_used_and_a_far_one_is_not() -> None:
    assert TABLE.nearest(10, 6) is FOUND
    near = TABLE.nearest(11, 6)
    assert near is not None
    assert (near.steps, near.budget) == (11, 6)
    assert TABLE.nearest(20, 12) is None
    assert TABLE.nearest(10, 2) is None
    assert Table("tiny", "1", ()).nearest(10, 6) is None


@given(steps=st.integers(1, 100), share=st.floats(0, 1))
def test_every_plan_has_masks_of_its_length_and_budget_and_a_cost(steps: int, share: float) -> None:
    plan = make_plan(steps=steps, budget=max(1, round(share * steps)))
    assert masks_of(plan) == evenly(steps, plan.sampling.budget)
    assert evaluations(plan) == plan.sampling.budget
    unguided = replace(plan, sampling=replace(plan.sampling, guidance=1.0))
    assert evaluations(unguided) == plan.sampling.budget / 2


def test_a_plan_walks_by_its_models_table_if_that_is_of_its_weights() -> None:
    plan, known = make_plan(steps=10, budget=6), {"tiny": TABLE}
    assert masks_of(plan, known) is FOUND
    assert masks_of(replace(plan, revision="2"), known) == evenly(10, 6)
    assert masks_of(replace(plan, model="other"), known) == evenly(10, 6)
    assert masks_of(make_plan(steps=10), known) == evenly(10, 10)
    unguided = masks_of(make_plan(steps=10, budget=6, guidance=1.0), known)
    assert (unguided.run, any(unguided.unconditional)) == (FOUND.run, False)


def test_the_committed_tables_are_sound_and_never_worse_than_the_even_spread() -> None:
    for model, table in tables().items():
        assert table.model == model
        for row in table.rows:
            assert row.error <= row.even_error
            assert cost(row.masks) <= row.masks.budget


@pytest.mark.parametrize(
    "change",
    [
        {"format": "else"},
        {"rows": [{"steps": 2, "budget": 1, "order": 1, "mask": "11", "unconditional": "11"}]},
        {"rows": [{"steps": 2, "budget": 1, "order": 1, "mask": "1x", "unconditional": "10"}]},
        {"rows": [{"steps": 2, "budget": 1, "mask": "10", "unconditional": "10"}]},
        {"rows": 3},
    ],
)
def test_an_unsound_table_is_refused_by_its_name(tmp_path: Path, change: dict[str, object]) -> None:
    write(TABLE, tmp_path / "tiny.json")
    facts = json.loads((tmp_path / "tiny.json").read_text())
    (tmp_path / "tiny.json").write_text(json.dumps({**facts, **change}))
    with pytest.raises(ValueError, match="tiny.json is no table"):
        read(tmp_path / "tiny.json")


def test_a_mask_is_written_as_bits() -> None:
    assert bits(FOUND.run) == "1110110010"
    assert unbits(bits(FOUND.run)) == FOUND.run


def test_other_masks_have_another_fingerprint_and_other_rows_do_not_matter() -> None:
    plan = replace(make_plan(steps=10, budget=6), model="tiny", revision="1")
    even, found = fingerprint(plan, {}), fingerprint(plan, {"tiny": TABLE})
    assert even != found
    assert fingerprint(plan, {"tiny": Table("tiny", "1", TABLE.rows[:1])}) == found
    assert fingerprint(replace(plan, prompt="another"), {"tiny": TABLE}) == found
    assert fingerprint(replace(plan, sampling=replace(plan.sampling, guidance=1.0)), {"tiny": TABLE}) != found
