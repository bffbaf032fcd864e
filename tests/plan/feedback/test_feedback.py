"""What ratings may do to a budget, proven over many made-up crowds."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.plan.feedback.feedback import (
    PER_TENANT,
    PER_USER,
    REASONS,
    Fading,
    Rating,
    factors_of,
    fingerprint,
    leaning_of,
    leant,
    place_of,
    remembered,
    risen,
    said_of,
)
from app.plan.prompt.complexity import CLASSES
from app.plan.tiers import ROWS
from tests.plan.conftest import Planned

PLACE = ("kinoray-shapes", "auto", "simple")
DAY = 86400.0
NOW = 1e9
FADING = Fading()

fadings = st.builds(
    Fading,
    half_life_s=st.floats(60, 1e7),
    prior=st.floats(0.5, 20),
    tenant_cap=st.floats(0.5, 20),
    bound=st.floats(1, 2),
)


def ratings(tenants: str = "abc", most: int = 30) -> st.SearchStrategy[list[Rating]]:
    one = st.builds(
        Rating,
        video_id=st.sampled_from([f"video_{number:08}" for number in range(12)]),
        tenant=st.sampled_from(tenants),
        user=st.sampled_from("uvwxyz"),
        place=st.just(PLACE),
        score=st.integers(1, 5),
        reasons=st.lists(st.sampled_from(sorted(REASONS)), unique=True).map(tuple),
        at=st.floats(NOW - 200 * DAY, NOW + DAY),
    )
    return st.lists(one, max_size=most)


def factor(said: list[Rating], now: float = NOW, fading: Fading = FADING) -> float:
    return leaning_of(PLACE, said, now, fading).factor


def lean(said: list[Rating], now: float = NOW, fading: Fading = FADING) -> float:
    return math.log(factor(said, now, fading)) / math.log(fading.bound)


def rating(score: int, user: str = "u", video: int = 0, **rest: Any) -> Rating:
    return Rating(f"video_{video:08}", rest.pop("tenant", "a"), user, PLACE, score, at=rest.pop("at", NOW), **rest)


@given(ratings(), fadings)
def test_a_factor_stays_in_its_bounds(said: list[Rating], fading: Fading) -> None:
    assert 1 / fading.bound - 1e-9 <= factor(said, fading=fading) <= fading.bound + 1e-9


@given(ratings(), st.data())
def test_a_better_score_never_raises_a_budget(said: list[Rating], data: st.DataObject) -> None:
    said.append(rating(data.draw(st.integers(1, 4)), "me", 99))
    better = [*said[:-1], replace(said[-1], score=data.draw(st.integers(said[-1].score, 5)))]
    assert factor(better) <= factor(said) + 1e-12


@given(ratings(), fadings)
def test_what_was_said_fades_until_nothing_is_left(said: list[Rating], fading: Fading) -> None:
    newest = max([NOW, *(each.at for each in said)])
    for halves in range(10):
        leaning = leaning_of(PLACE, said, newest + halves * fading.half_life_s, fading)
        assert leaning.weight <= len(said) * 2.0**-halves + 1e-9
    assert leaning.factor == 1


@given(ratings("a"), st.floats(0, 100 * DAY))
def test_a_lone_tenants_influence_only_falls(said: list[Rating], later: float) -> None:
    old = [replace(each, at=NOW) for each in said]
    assert abs(lean(old, NOW + later)) <= abs(lean(old)) + 1e-9


@given(ratings("bcd"), st.integers(1, 5), st.integers(1, 60), fadings)
def test_one_user_with_a_thousand_ratings_moves_no_more_than_one(
    others: list[Rating], score: int, count: int, fading: Fading
) -> None:
    alone = [rating(score, "u", number) for number in range(count)]
    assert math.isclose(factor([*others, *alone], fading=fading), factor([*others, alone[0]], fading=fading))


@given(ratings("bcd"), ratings("a", 60), fadings.filter(lambda fading: fading.bound > 1.01))
def test_one_tenant_with_made_up_users_moves_no_more_than_its_cap(
    others: list[Rating], mine: list[Rating], fading: Fading
) -> None:
    most = 2 * fading.tenant_cap / (fading.prior + fading.tenant_cap)
    assert abs(lean([*others, *mine], fading=fading) - lean(others, fading=fading)) <= most + 1e-6
    assert abs(lean(mine, fading=fading)) <= most / 2 + 1e-6


@given(ratings())
def test_the_order_in_which_ratings_come_does_not_matter(said: list[Rating]) -> None:
    apart = [replace(each, video_id=f"video_{number:08}") for number, each in enumerate(said)]
    assert math.isclose(factor(apart), factor(apart[::-1]))


def test_few_ratings_move_little_and_many_move_much() -> None:
    crowd = [rating(1, f"u{number}", number, tenant=f"t{number % 50}") for number in range(200)]
    assert factor([]) == 1
    assert factor(crowd[:1]) == pytest.approx(1.0456, abs=1e-3)
    assert factor(crowd) == pytest.approx(1.245, abs=1e-2)
    assert factor([replace(each, score=5, reasons=("too_slow",)) for each in crowd]) == pytest.approx(0.8, abs=1e-2)


def test_ratings_of_budgets_that_were_asked_for_do_not_count() -> None:
    assert factor([rating(1, counted=False)]) == 1


def test_reasons_say_which_way() -> None:
    assert rating(3, reasons=("too_rough",)).pull > rating(3).pull > rating(3, reasons=("too_slow",)).pull
    assert rating(1, reasons=("too_rough", "wrong_motion")).pull == 1


@given(ratings("a", 200), st.integers(1, 5))
def test_memory_is_bounded_and_a_second_rating_replaces_the_first(said: list[Rating], score: int) -> None:
    kept: tuple[Rating, ...] = ()
    for each in sorted(said, key=lambda each: each.at):
        kept = remembered(kept, each, FADING)
    kept = remembered(kept, rating(score, "u", 0, at=NOW + 2 * DAY), FADING)
    assert len(kept) <= PER_TENANT
    assert len({(each.user, each.video_id) for each in kept}) == len(kept)
    assert all(sum(each.user == user for each in kept) <= PER_USER for user in "uvwxyz")
    assert kept[-1].score == score


rows = st.sampled_from([row.steps for row in ROWS] + [tuple(row.steps for row in CLASSES)])
factors = st.lists(st.floats(0.8, 1.25), min_size=4, max_size=4)


@given(rows, st.lists(st.floats(0.1, 1), min_size=4, max_size=4), factors)
def test_a_harder_class_never_gets_fewer_whatever_people_say(
    steps: tuple[int, ...], shares: list[float], moved: list[float]
) -> None:
    budgets = sorted(max(1, round(most * share)) for most, share in zip(steps, shares, strict=True))
    budgets = [min(most, budget) for most, budget in zip(steps, budgets, strict=True)]
    found = risen(budgets, steps, moved)
    assert list(found) == sorted(found)
    for budget, most, now in zip(budgets, steps, found, strict=True):
        assert max(1, math.floor(0.8 * budget)) <= now <= min(most, math.ceil(1.25 * budget))


@given(rows, rows)
def test_budgets_stay_as_they_are_where_nobody_rated(steps: tuple[int, ...], budgets: tuple[int, ...]) -> None:
    budgets = tuple(map(min, budgets, steps))
    assert risen(budgets, steps, factors_of({}, "kinoray-shapes", "auto")) == budgets


@given(st.integers(1, 100), st.integers(1, 100), st.floats(0, 10))
def test_a_moved_budget_is_whole_and_no_more_than_the_steps(budget: int, steps: int, moved: float) -> None:
    assert 1 <= leant(budget, steps, moved) <= steps


def test_factors_stand_in_the_order_of_the_classes() -> None:
    assert factors_of({("m", "auto", "complex"): 1.1, ("m", "ultra", "simple"): 0.9}, "m", "auto") == (1, 1, 1.1, 1)


def test_the_sentence_says_what_ratings_did() -> None:
    assert said_of(18, 20) == "Ratings of such videos raise the budget from 18 to 20 evaluations."
    assert "lower" in str(said_of(18, 17))
    assert said_of(18, 18) is None


def test_a_plan_knows_whose_budget_it_has(plan: Planned) -> None:
    assert place_of(plan("a red ball")) == PLACE
    assert place_of(plan("a red ball", tier="HIGH")) == ("kinoray-shapes", "premium", "simple")
    assert place_of(replace(plan("a red ball", tier="preview"), asked_tier="auto")) == (
        "kinoray-shapes",
        "preview",
        "simple",
    )


def test_only_the_planners_own_budgets_say_something_of_their_class(plan: Planned) -> None:
    assert plan("a red ball").by_planner
    assert plan("a red ball", tier="ultra").by_planner
    assert not plan("a red ball", steps=40).by_planner
    assert not plan("a red ball", budget=6).by_planner


def test_fingerprints_hide_names_and_tell_users_of_two_tenants_apart() -> None:
    assert fingerprint("a", "bob") != fingerprint("b", "bob") != fingerprint("b") != fingerprint("b", None)
    assert "bob" not in fingerprint("a", "bob")
