from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.plan.masks.mask import cost, ends_kept, evenly, spread, stretched
from app.types import Masks


@st.composite
def masks(draw: st.DrawFn) -> Masks:
    run = [True, *draw(st.lists(st.booleans(), max_size=60))]
    free = [runs and (step == 0 or draw(st.booleans())) for step, runs in enumerate(run)]
    return Masks(tuple(run), tuple(free), draw(st.integers(0, 1)))


@given(steps=st.integers(1, 120), share=st.floats(0, 1))
def test_a_mask_spends_its_budget_evenly_and_keeps_both_ends(steps: int, share: float) -> None:
    budget = max(1, round(share * steps))
    mask = spread(steps, budget)
    assert len(mask) == steps
    assert sum(mask) == budget
    assert mask[0]
    if budget >= 2:
        assert mask[-1]
        places = [step for step, run in enumerate(mask) if run]
        gaps = [later - earlier for earlier, later in zip(places[:-1], places[1:], strict=True)]
        assert max(gaps) - min(gaps) <= 1


def test_a_full_budget_runs_every_step() -> None:
    assert spread(5, 5) == (True,) * 5
    assert spread(5, 3) == (True, False, True, False, True)


@pytest.mark.parametrize("budget", [0, 6])
def test_a_budget_that_does_not_fit_is_refused(budget: int) -> None:
    for make in (spread, evenly, lambda steps, budget: stretched(evenly(5, 3), steps, budget)):
        with pytest.raises(ValueError, match="does not fit"):
            make(5, budget)


def test_an_evaluation_costs_one_and_one_without_its_unconditional_pass_a_half() -> None:
    assert cost(evenly(30, 15)) == 15
    assert cost(Masks((True, True, False, True), (True, False, False, False))) == 2
    assert cost(Masks((True, False), (False, False))) == 0.5


@given(masks(), st.integers(1, 100), st.floats(0, 1))
def test_a_stretched_mask_keeps_length_budget_and_first_step_exactly(found: Masks, steps: int, share: float) -> None:
    budget = max(1, round(share * steps))
    other = stretched(found, steps, budget)
    assert (other.steps, other.budget, other.order) == (steps, budget, found.order)
    assert cost(other) <= budget
    assert stretched(found, found.steps, found.budget) is found


@given(masks())
def test_doubled_the_pattern_stays_where_it_was(found: Masks) -> None:
    twice = stretched(found, 2 * found.steps, found.budget)
    ours = [step / max(1, found.steps - 1) for step, runs in enumerate(found.run) if runs]
    theirs = [step / (twice.steps - 1) for step, runs in enumerate(twice.run) if runs]
    assert all(abs(one - other) <= 1 / (2 * found.steps - 1) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("run", "free"),
    [
        ((), ()),
        ((False, True), (False, True)),
        ((True, False), (True, True)),
        ((True, True), (False, True)),
        ((True,), (True, True)),
    ],
)
def test_masks_that_cannot_be_walked_are_refused(run: tuple[bool, ...], free: tuple[bool, ...]) -> None:
    with pytest.raises(ValueError, match="first step"):
        Masks(run, free)


@given(st.integers(1, 60), st.integers(1, 60))
def test_with_its_ends_kept_a_mask_has_its_budget_and_runs_at_both_ends(steps: int, budget: int) -> None:
    masks = ends_kept(max(steps, budget), min(steps, budget))
    assert (masks.steps, masks.budget) == (max(steps, budget), min(steps, budget))
    assert masks.run[0]
    if masks.budget >= 3:
        assert masks.run[-1]
