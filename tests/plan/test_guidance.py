from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.cache.keys import plan_digest
from app.errors import InvalidRequest, UnsupportedParameter
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.explain import describe
from app.plan.planner import make_plan
from app.plan.work import evaluations
from app.types import GuidanceRule, ModelProfile, Plan, TierOfModel, VideoRequest
from tests.plan.conftest import SHAPES, Bounds

RULED = replace(SHAPES, tiers=(TierOfModel("preview", rule=GuidanceRule(0.2, 0.8, zero_star=True, zero_steps=1)),))


def planned(model: ModelProfile = SHAPES, **wishes: Any) -> Plan:
    request = VideoRequest("a red ball", **wishes)
    return make_plan(request, Catalogue([model], model.id), Bounds(price_per_device_hour=36.0), UNKNOWN, lambda: 1)


def test_a_step_outside_the_interval_costs_half_in_all_that_is_told_of_a_plan() -> None:
    plain, ruled = planned(steps=10), planned(steps=10, guidance_start=0.2, guidance_stop=0.7)
    assert ruled.masks is not None
    assert [*ruled.masks.unconditional] == [2 <= step < 7 for step in range(10)]
    assert (evaluations(plain), evaluations(ruled)) == (10, 7.5)
    assert ruled.estimate.step_seconds == pytest.approx(0.75 * plain.estimate.step_seconds)
    assert (ruled.estimate.cost or 0) < (plain.estimate.cost or 0)
    told = {"start": 0.2, "stop": 0.7, "cfg_zero_star": False, "zero_init_steps": 0}
    assert (describe(plain)["guidance_rule"], describe(ruled)["guidance_rule"]) == (None, told)


def test_steps_without_velocity_cost_nothing() -> None:
    plan = planned(steps=10, cfg_zero_star=True)
    assert plan.sampling.rule == GuidanceRule(zero_star=True, zero_steps=1)
    assert evaluations(plan) == 9
    assert evaluations(planned(steps=10, cfg_zero_star=True, zero_init_steps=0)) == 10


def test_forecasts_and_an_interval_go_together_with_a_pass_where_guidance_begins() -> None:
    plan = planned(steps=10, budget=5, guidance_start=0.3, sampler="euler")
    assert plan.masks is not None
    run, free = plan.masks.run, plan.masks.unconditional
    assert [*free] == [runs and step >= 3 for step, runs in enumerate(run)]
    assert evaluations(plan) == (sum(run) + sum(free)) / 2


def test_a_request_comes_before_its_tier() -> None:
    assert planned(RULED, tier="preview").sampling.rule == GuidanceRule(0.2, 0.8, zero_star=True, zero_steps=1)
    assert planned(RULED, tier="preview", guidance_stop=0.5).sampling.rule == GuidanceRule(
        0.2, 0.5, zero_star=True, zero_steps=1
    )
    assert planned(RULED, tier="preview", cfg_zero_star=False).sampling.rule == GuidanceRule(0.2, 0.8)
    assert planned(RULED, tier="standard").sampling.rule is None


def test_another_rule_is_another_video_and_the_usual_one_keeps_its_digest() -> None:
    asked: list[dict[str, Any]] = [{}, {"guidance_stop": 1.0}, {"guidance_stop": 0.5}]
    keys = [plan_digest(planned(**wishes), None) for wishes in asked]
    assert keys[0] == keys[1] != keys[2]
    only_zero = plan_digest(planned(cfg_zero_star=True, zero_init_steps=0), None)
    assert only_zero != keys[0], "it has the masks of the usual way"


@pytest.mark.parametrize(
    ("wishes", "param"),
    [
        ({"guidance_start": -0.1}, "guidance_start"),
        ({"guidance_stop": float("nan")}, "guidance_stop"),
        ({"guidance_start": 0.5, "guidance_stop": 0.5}, "guidance_stop"),
        ({"zero_init_steps": 1}, "zero_init_steps"),
        ({"steps": 5, "cfg_zero_star": True, "zero_init_steps": 5}, "zero_init_steps"),
        ({"guidance_start": 0.5, "step_cache": "first_block"}, "guidance_start"),
    ],
)
def test_what_cannot_be_is_refused_by_the_fields_name(wishes: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        planned(**wishes)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("model", "wishes", "param"),
    [
        (replace(SHAPES, guided_by="input"), {"guidance_stop": 0.5}, "guidance_stop"),
        (replace(SHAPES, guided_by="nothing"), {"cfg_zero_star": True}, "cfg_zero_star"),
        (replace(SHAPES, own_guidance=True), {"cfg_zero_star": True}, "cfg_zero_star"),
    ],
)
def test_a_model_that_has_no_such_passes_says_so(model: ModelProfile, wishes: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        planned(model, **wishes)
    assert caught.value.param == param


def test_a_model_of_more_passes_takes_an_interval() -> None:
    assert planned(replace(SHAPES, own_guidance=True), guidance_stop=0.5).sampling.rule == GuidanceRule(stop=0.5)


def test_without_guidance_there_is_nothing_to_rule_which_is_said() -> None:
    plan = planned(guidance=1.0, guidance_stop=0.5)
    assert plan.sampling.rule is None
    assert [warning.param for warning in plan.warnings] == ["guidance_stop"]


def test_a_model_without_an_unconditional_pass_pays_whole_evaluations_of_its_one() -> None:
    for model in (replace(SHAPES, guided_by="nothing", guidance=1.0), replace(SHAPES, guided_by="input")):
        assert evaluations(planned(model, steps=8)) == 8
    assert evaluations(planned(steps=8, guidance=1.0)) == 4
