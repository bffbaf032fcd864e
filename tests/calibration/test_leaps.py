from __future__ import annotations

from itertools import combinations

import pytest

from app.calibration.full_run import FullRun
from app.calibration.leaps import WAYS, best_masks, walked
from app.calibration.mask_search import plans
from app.plan.masks.mask import evenly
from app.types import Masks
from tests.calibration.test_mask_search import MODEL, PROMPTS, Bent


def full_run(sampler: str, steps: int = 12) -> FullRun:
    return FullRun(Bent(), plans(MODEL, PROMPTS, steps, sampler))


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
def test_every_budget_gets_masks_of_it_that_are_no_worse_than_the_even_spread(sampler: str) -> None:
    full = full_run(sampler)
    run = walked(full.sigmas, full.path, full.velocities(), full.growth)
    for order in WAYS[sampler]:
        found = best_masks(run, order)
        assert sorted(found) == list(range(1, 12))
        for budget, (masks, _) in found.items():
            assert (masks.budget, masks.steps, masks.order, masks.run[0]) == (budget, 12, order, True)
            if budget in (5, 8):
                assert full.error(full.walk(masks)) <= full.error(full.walk(evenly(12, budget)))


def test_the_table_finds_the_best_of_all_walks_that_are_tried_one_by_one() -> None:
    full = full_run("euler", 7)
    run = walked(full.sigmas, full.path, full.velocities(), full.growth)
    masks, expected = best_masks(run, 0)[4]
    guesses = {each: full.guess(each) for each in all_masks(7, 4)}
    best = min(guesses, key=lambda each: guesses[each])
    assert masks.run == best.run
    assert expected / full.scale == pytest.approx(guesses[best], rel=1e-3)


def all_masks(steps: int, budget: int) -> list[Masks]:
    places = combinations(range(1, steps), budget - 1)
    runs = [tuple(step == 0 or step in taken for step in range(steps)) for taken in places]
    return [Masks(run, run, order=0) for run in runs]
