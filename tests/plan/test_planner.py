from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidRequest, KinorayError
from app.plan.cost import UNKNOWN, Pace
from app.plan.planner import make_plan
from app.settings import Settings
from app.types import Plan, VideoRequest
from tests.plan.conftest import CATALOGUE, SHAPES, Bounds, Planned, plan_for


def test_a_bare_prompt_gets_a_whole_plan(plan: Planned) -> None:
    made = plan("  a red   ball ")
    assert (made.model, made.prompt, made.tier, made.asked_tier) == ("kinoray-shapes", "a red ball", "standard", "auto")
    assert (made.sampling.steps, made.sampling.budget, made.sampling.guidance, made.sampling.shift) == (
        18,
        18,
        3.0,
        3.0,
    )
    assert (made.pool, made.revision, made.spec.size) == ("main", "1", "128x128")


def test_the_settings_are_limits_enough() -> None:
    made = make_plan(VideoRequest("a ball"), CATALOGUE, Settings(), UNKNOWN, draw_seed=lambda: 0)
    assert made.estimate.cost is None


@pytest.mark.parametrize(("tier", "steps"), [("draft", 12), ("standard", 25), ("high", 45), ("ultra", 50)])
def test_a_tier_sets_the_steps(plan: Planned, tier: str, steps: int) -> None:
    made = plan("a red ball", tier=tier)
    assert (made.sampling.steps, made.asked_tier) == (steps, tier)


def test_explicit_steps_come_before_the_tier_which_is_kept(plan: Planned) -> None:
    made = plan("a red ball", tier="premium", steps=7)
    assert (made.sampling.steps, made.sampling.budget, made.tier) == (7, 7, "premium")
    assert any("7 steps" in reason for reason in made.why.reasons)


def test_ultra_raises_the_guidance_unless_one_is_asked(plan: Planned) -> None:
    assert plan("a", tier="ultra").sampling.guidance == pytest.approx(3.3)
    assert plan("a", tier="ultra", guidance=5).sampling.guidance == 5.0


def test_the_same_words_get_the_same_seed_and_others_another(plan: Planned) -> None:
    seed = plan("a red ball").sampling.seed
    assert seed == plan(" a  red ball").sampling.seed == plan("a red ball", tier="ultra", model="sora-2").sampling.seed
    others = [plan("a blue ball"), plan("a red ball", negative_prompt="blur"), plan("a red ball", frames=5)]
    assert seed not in [other.sampling.seed for other in others]


def test_a_derived_seed_never_changes_between_releases(plan: Planned) -> None:
    assert plan("a red ball").sampling.seed == 986110874


@pytest.mark.parametrize(("asked", "got"), [(-1, 77), (0, 0), (2**32 - 1, 2**32 - 1), (2**63 - 1, 2**63 - 1)])
def test_a_seed_is_taken_or_drawn(plan: Planned, asked: int, got: int) -> None:
    assert plan("a", seed=asked).sampling.seed == got


@pytest.mark.parametrize(
    ("wishes", "param"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": 101}, "steps"),
        ({"guidance": 0.5}, "guidance"),
        ({"guidance": 21.0}, "guidance"),
        ({"guidance": float("nan")}, "guidance"),
        ({"seed": -2}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"tier": "luxury"}, "tier"),
        ({"model": "other"}, "model"),
        ({"negative_prompt": "x" * 5000}, "negative_prompt"),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_name(plan: Planned, wishes: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan("a ball", **wishes)
    assert caught.value.param == param


def test_the_estimate_is_work_plus_overhead(plan: Planned) -> None:
    made = plan("a ball", steps=20).estimate
    assert (made.step_seconds, made.seconds) == pytest.approx((2.0, 2.5))


def test_the_estimate_uses_measured_time_shape_and_price(plan: Planned) -> None:
    made = plan("a ball", Bounds(price_per_device_hour=36.0), Pace(step_s=0.17), steps=10, frames=5).estimate
    assert made.step_seconds == pytest.approx(10 * 0.17 * 5 / 17)
    assert made.cost == pytest.approx(made.device_seconds * 0.01)


def test_asked_seconds_are_explained(plan: Planned) -> None:
    assert any("17 frames at 4 a second" in reason for reason in plan("a", seconds=4.0).why.reasons)


WISHES = st.fixed_dictionaries(
    {},
    optional={
        "tier": st.sampled_from(["auto", "draft", "premium", "nonsense"]),
        "steps": st.integers(-5, 200),
        "guidance": st.floats(),
        "seed": st.integers(-3, 2**33),
        "seconds": st.floats(),
        "frames": st.integers(-5, 40),
        "fps": st.integers(-5, 40),
        "width": st.sampled_from([128, 64, -1]),
    },
)


def assert_legal(made: Plan) -> None:
    assert 1 <= made.sampling.budget <= made.sampling.steps <= 100
    assert 1.0 <= made.sampling.guidance <= 20.0
    assert 0 <= made.sampling.seed < 2**63
    assert made.spec.frames in SHAPES.frames
    assert SHAPES.fps[0] <= made.spec.fps <= SHAPES.fps[1]
    assert 0 < len(made.prompt) <= 4000
    assert 0.0 < made.estimate.step_seconds < made.estimate.seconds


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=80), WISHES)
def test_any_request_gets_the_same_legal_plan_twice_or_a_typed_error(prompt: str, wishes: dict[str, Any]) -> None:
    try:
        made = plan_for(prompt, **wishes)
    except KinorayError as error:
        refused = error
    else:
        assert_legal(made)
        assert plan_for(prompt, **wishes) == made
        return
    assert refused.status in (400, 404)
    assert refused.param
