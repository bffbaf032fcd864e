from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.embedded.profile import profile
from app.errors import InvalidRequest
from app.plan.budgets import Budget, BudgetTable
from app.plan.feedback.feedback import Place
from app.plan.masks.mask import evenly
from app.plan.masks.table import MaskRow, MaskTable
from app.plan.prompt.complexity import CLASSES
from app.plan.step_budget import StepBudget, step_budget
from app.plan.tables import load_tables
from app.plan.tiers import choose
from app.types import Masks, VideoRequest
from tests.plan.conftest import SHAPES

MEASURED = BudgetTable(
    SHAPES.id,
    SHAPES.revision,
    "adherence",
    {},
    tuple(Budget("standard", name, 25, budget, 95.5, 96.0) for name, budget in (("simple", 8), ("moderate", 12))),
)


def of(
    complexity: str = "simple",
    leanings: Mapping[Place, float] | None = None,
    table: BudgetTable | None = MEASURED,
    **wishes: Any,
) -> StepBudget:
    request = VideoRequest("a ball", **({"tier": "standard"} | wishes))
    return step_budget(request, SHAPES, complexity, choose(request.tier, complexity), table, leanings or {})


def test_without_a_table_all_steps_run() -> None:
    assert of(table=None) == StepBudget(25, 25, by_planner=True)


def test_a_measured_class_gets_its_budget_and_says_so() -> None:
    made = of("moderate")
    assert (made.steps, made.budget, made.calibrated) == (25, 12, True)
    assert "lose 0.5 points of 96.0" in made.reasons[0]


def test_a_class_that_was_not_measured_runs_all_steps() -> None:
    assert (of("complex").budget, of("complex").calibrated) == (35, False)


@pytest.mark.parametrize(("wishes", "got"), [({"steps": 30}, (30, 30)), ({"budget": 20}, (25, 20))])
def test_what_the_request_says_comes_before_the_table_and_ratings(wishes: Any, got: tuple[int, int]) -> None:
    made = of(leanings={(SHAPES.id, "standard", "simple"): 1.25}, **wishes)
    assert ((made.steps, made.budget), made.calibrated) == (got, False)


def test_ratings_move_a_budget_and_say_so() -> None:
    made = of(leanings={(SHAPES.id, "standard", "simple"): 1.25})
    assert made.budget == 10
    assert "from 8 to 10" in made.reasons[-1]


@given(
    st.lists(st.floats(0.8, 1.25), min_size=4, max_size=4),
    st.sampled_from(["preview", "standard", "auto"]),
    st.sampled_from([None, MEASURED]),
)
def test_a_harder_class_never_gets_less_however_people_rate(
    factors: list[float], tier: str, table: BudgetTable | None
) -> None:
    leanings = {(SHAPES.id, tier, row.name): factor for row, factor in zip(CLASSES, factors, strict=True)}
    budgets_of = [of(row.name, leanings, table, tier=tier).budget for row in CLASSES]
    assert budgets_of == sorted(budgets_of)


@pytest.mark.parametrize(("wishes", "param"), [({"steps": 0}, "steps"), ({"budget": 26}, "budget")])
def test_what_is_out_of_bounds_is_refused(wishes: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        of(**wishes)
    assert caught.value.param == param


RUN = (True, False, True, True, False, True, True, True)
KNOWN = MaskTable(
    SHAPES.id,
    SHAPES.revision,
    (
        MaskRow(Masks(RUN, RUN), 1e-4),
        MaskRow(evenly(8, 5), 0.5),
        MaskRow(evenly(25, 9), 0.5),
        MaskRow(evenly(25, 10), 1e-4),
    ),
    limit=1e-3,
)


def with_masks_known(**wishes: Any) -> StepBudget:
    request = VideoRequest("a ball", **({"tier": "standard"} | wishes))
    return step_budget(request, SHAPES, "simple", choose(request.tier, "simple"), MEASURED, {}, KNOWN)


def test_a_budget_without_good_masks_is_refused_and_the_nearest_good_one_named() -> None:
    assert with_masks_known(steps=8, budget=6).budget == 6
    assert with_masks_known(steps=8, budget=8).budget == 8
    with pytest.raises(InvalidRequest, match="a budget of 6 in 8 steps") as refused:
        with_masks_known(steps=8, budget=5)
    assert (refused.value.error_code, refused.value.param) == ("budget_not_measured", "budget")
    assert with_masks_known(steps=8, budget=5, sampler="unipc").budget == 5  # of which nothing is known


def test_the_planners_own_budget_is_raised_to_the_next_with_good_masks_and_says_so() -> None:
    made = with_masks_known()
    assert (made.steps, made.budget) == (25, 10)
    assert "8 evaluations have no good masks in 25 steps, 10 have." in made.reasons


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
@pytest.mark.parametrize(("steps", "budget"), [(20, 10), (15, 6), (18, 7), (35, 10)])
def test_budgets_that_were_bad_once_have_good_masks_of_their_own_or_are_refused(
    steps: int, budget: int, sampler: str
) -> None:
    model = profile()
    table = load_tables().masks[model.id]
    if table.limit is None or table.revision != model.revision:
        pytest.skip("the shipped table is not one of every budget of these weights")
    request = VideoRequest("a red ball", steps=steps, budget=budget, sampler=sampler)
    choice = choose("standard", "simple", model.tiers)
    if table.good(steps, budget, sampler):
        assert step_budget(request, model, "simple", choice, None, {}, table).budget == budget
        assert table.masks(steps, budget, sampler) is not None
        return
    with pytest.raises(InvalidRequest, match="The nearest that are") as refused:
        step_budget(request, model, "simple", choice, None, {}, table)
    near_steps, near = table.good_near(steps, budget, sampler)
    assert f"a budget of {near} in {near_steps} steps" in str(refused.value)
    assert table.good(near_steps, near, sampler)
