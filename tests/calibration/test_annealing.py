from __future__ import annotations

from itertools import compress
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.calibration.annealing import annealed, farthest, promising, swapped, thinned
from app.plan.masks.mask import evenly
from app.types import Masks

WANTED = (0, 1, 2, 3, 9)


def far(masks: Masks) -> float:
    """How far the evaluations are from where this test wants them."""
    places = compress(range(masks.steps), masks.run)
    return float(sum(abs(place - wanted) for place, wanted in zip(places, WANTED, strict=True)))


@given(steps=st.integers(1, 40), share=st.floats(0, 1), seed=st.integers(0, 9))
def test_a_swap_keeps_length_budget_and_first_step(steps: int, share: float, seed: int) -> None:
    before = evenly(steps, max(1, round(share * steps)))
    after = swapped(before, Random(seed))
    assert (after.steps, after.budget, after.run[0]) == (before.steps, before.budget, True)
    assert sum(one != other for one, other in zip(before.run, after.run, strict=True)) in (0, 2)


def test_annealing_finds_the_mask_of_least_guessed_error_and_never_a_worse_one_than_its_start() -> None:
    assert far(annealed(evenly(10, 5), far, 2000, Random(0))) == 0
    start = Masks(
        (True, True, True, True, False, False, False, False, False, True), (True,) * 4 + (False,) * 5 + (True,)
    )
    assert annealed(start, far, 50, Random(0)) is start


def test_the_most_promising_swap_is_one_of_little_guessed_error() -> None:
    start, dice = evenly(10, 5), Random(0)
    assert far(promising(start, far, dice)) < far(start)


def test_thinning_leaves_out_one_unconditional_pass_at_a_time_the_least_missed_first() -> None:
    def missed(masks: Masks) -> float:
        return float(sum(step for step, free in enumerate(masks.unconditional) if not free))

    chain = thinned(evenly(5, 5), missed)
    assert [masks.unconditional for masks in chain[:3]] == [
        (True, True, True, True, True),
        (True, False, True, True, True),
        (True, False, False, True, True),
    ]
    assert chain[-1].unconditional == (True, False, False, False, False)
    assert all(masks.run == (True,) * 5 for masks in chain)


@given(length=st.integers(1, 12), good=st.integers(1, 12))
def test_halving_finds_the_last_of_a_chain_that_passes(length: int, good: int) -> None:
    chain = thinned(evenly(length, length), lambda masks: 0.0)
    limit = min(good, length)
    assert farthest(chain, lambda masks: chain.index(masks) < limit) is chain[limit - 1]
