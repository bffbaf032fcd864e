from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.plan.masks.mask import cost, ends_kept, evenly, masks_of
from app.plan.masks.table import MaskRow, MaskTable, read, with_masks, write
from app.plan.tables import load_tables
from app.plan.work import evaluations
from app.types import Masks, Plan
from app.types.masks import LEAP, bits, unbits
from tests.engine.plans import make_plan

FOUND = Masks(unbits("1110110010"), unbits("1100100010"))
TABLE = MaskTable("tiny", "1", (MaskRow(FOUND, 0.01, 0.02), MaskRow(evenly(40, 30), 0.001, 0.001)))
KNOWN = {"tiny": TABLE}


def found(plan: Plan) -> Masks | None:
    return with_masks(plan, KNOWN).masks


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(TABLE, tmp_path / "tiny.json")
    assert read(tmp_path / "tiny.json") == TABLE


def test_the_nearest_row_is_used_and_a_far_one_is_not() -> None:
    assert TABLE.nearest(10, 6) is FOUND
    near = TABLE.nearest(11, 6)
    assert near is not None
    assert (near.steps, near.budget) == (11, 6)
    assert TABLE.nearest(20, 12) is None
    assert TABLE.nearest(10, 2) is None
    assert MaskTable("tiny", "1", ()).nearest(10, 6) is None


@given(steps=st.integers(1, 100), share=st.floats(0, 1))
def test_every_plan_has_masks_of_its_length_and_budget_and_a_cost(steps: int, share: float) -> None:
    plan = make_plan(steps=steps, budget=max(1, round(share * steps)))
    assert masks_of(plan) == with_masks(plan, {}).masks == evenly(steps, plan.sampling.budget)
    assert evaluations(plan) == plan.sampling.budget
    unguided = replace(plan, sampling=replace(plan.sampling, guidance=1.0))
    assert evaluations(unguided) == evaluations(with_masks(unguided, {})) == plan.sampling.budget / 2


def test_a_plan_gets_the_masks_of_its_models_table_if_that_is_of_its_weights() -> None:
    plan = make_plan(steps=10, budget=6)
    assert found(plan) is FOUND
    assert found(replace(plan, revision="2")) == evenly(10, 6)
    assert found(replace(plan, model="other")) == evenly(10, 6)
    assert found(make_plan(steps=10)) == evenly(10, 10)
    unguided = found(make_plan(steps=10, budget=6, guidance=1.0))
    assert unguided is not None
    assert (unguided.run, any(unguided.unconditional)) == (FOUND.run, False)


def test_masks_that_a_plan_carries_are_what_it_walks_by_and_what_it_costs() -> None:
    plan = with_masks(make_plan(steps=10, budget=6), KNOWN)
    assert masks_of(plan) is FOUND
    assert evaluations(plan) == cost(FOUND) == 5.0


def test_a_plan_of_an_older_record_gets_the_mark_of_one_made_today() -> None:
    today = replace(with_masks(make_plan(steps=10, budget=6), KNOWN), mark="mag-1")
    older = replace(today, masks=None, mark=f"{FOUND.digest}mag-1")
    assert older.bits_mark == today.bits_mark
    assert with_masks(older, KNOWN) == today


def test_the_committed_tables_are_sound_and_never_worse_than_the_even_spread() -> None:
    tables = load_tables().masks
    assert "kinoray-shapes" in tables
    for model, table in tables.items():
        assert table.model == model
        for row in table.rows:
            assert row.even_error is None or row.error <= row.even_error
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


def test_other_masks_have_another_digest_and_other_rows_do_not_matter() -> None:
    plan = make_plan(steps=10, budget=6)
    assert evenly(10, 6).digest != FOUND.digest
    assert with_masks(plan, {"tiny": MaskTable("tiny", "1", TABLE.rows[:1])}).bits_mark == FOUND.digest
    assert with_masks(replace(plan, prompt="another"), KNOWN).bits_mark == FOUND.digest
    unguided = replace(plan, sampling=replace(plan.sampling, guidance=1.0))
    assert with_masks(unguided, KNOWN).bits_mark != FOUND.digest


def test_a_digest_never_changes_between_releases() -> None:
    assert FOUND.digest == "0bdd2d7a670e"


@pytest.mark.parametrize("masks", [evenly(10, 5), evenly(9, 6)])
def test_a_plan_and_its_masks_cannot_disagree(masks: Masks) -> None:
    with pytest.raises(ValueError, match="budget of 6 in 10 steps"):
        replace(make_plan(steps=10, budget=6), masks=masks)


WHOLE = MaskTable(
    "tiny",
    "1",
    (
        MaskRow(evenly(10, 6), 1e-4),
        MaskRow(evenly(10, 5), 2e-2),
        MaskRow(evenly(10, 5), 2e-4, sampler="unipc"),
        MaskRow(evenly(9, 5), 1e-3, sampler="unipc"),
    ),
    limit=3e-3,
    limits={"unipc": 3e-4},
)


def test_with_a_limit_a_pair_has_its_own_good_row_or_none() -> None:
    assert (WHOLE.good(10, 6, "euler"), WHOLE.good(10, 5, "euler")) == (True, False)
    assert (WHOLE.good(10, 5, "unipc"), WHOLE.good(9, 5, "unipc")) == (True, False)
    assert WHOLE.masks(10, 6, "euler") == evenly(10, 6)
    assert WHOLE.masks(11, 6, "euler") is WHOLE.masks(10, 5, "euler") is None
    assert not WHOLE.good(11, 6, "euler")
    assert WHOLE.good(11, 11, "euler")
    assert WHOLE.good_near(10, 5, "euler") == (10, 6)
    assert WHOLE.raised(10, 3, "euler") == 6


def test_a_table_of_every_budget_is_short_and_read_as_it_was_written(tmp_path: Path) -> None:
    rows = tuple(
        MaskRow(ends_kept(steps, budget), 1.23e-05, sampler=sampler)
        for sampler in ("euler", "unipc")
        for steps in range(5, 51)
        for budget in range(4, steps)
    )
    table = replace(WHOLE, rows=rows)
    write(table, tmp_path / "tiny.json")
    assert read(tmp_path / "tiny.json") == table
    assert (tmp_path / "tiny.json").stat().st_size < 100_000


def test_the_shipped_budgets_are_measured_or_refused_with_a_good_one_named() -> None:
    table = load_tables().masks["kinoray-shapes"]
    if table.limit is None:
        pytest.skip("the shipped table is not one of every budget")
    for sampler in ("euler", "unipc"):
        limit = table.limits.get(sampler, table.limit)
        errors = {(row.masks.steps, row.masks.budget): row.error for row in table.rows if row.sampler == sampler}
        for steps in range(4, 51):
            for budget in range(1, steps):
                good = table.good(steps, budget, sampler)
                assert good == (errors.get((steps, budget), 1.0) <= limit)
                assert (table.masks(steps, budget, sampler) is not None) == good
                assert table.good(*table.good_near(steps, budget, sampler), sampler)


def test_a_sampler_of_several_steps_leaps_whatever_masks_it_is_given() -> None:
    plan = make_plan(steps=10, budget=6, sampler="unipc")
    assert found(plan) == replace(FOUND, order=LEAP)
    assert with_masks(plan, {}).masks == masks_of(plan) == replace(evenly(10, 6), order=LEAP)
    assert found(make_plan(steps=10, sampler="unipc")) == evenly(10, 10)
