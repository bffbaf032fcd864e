from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.cache.keys import plan_digest
from app.errors import InvalidRequest
from app.jobs.record import VERSION, job_from_json, job_to_json
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN, Pace
from app.plan.explain import describe
from app.plan.planner import make_plan
from app.plan.stages import walk_of, work_of
from app.plan.work import evaluations
from app.types import ModelProfile, Plan, Refined, Segments, Stage, VideoRequest, VideoSpec
from tests.jobs.make import a_job
from tests.plan.conftest import SHAPES, Bounds

REFINED = replace(SHAPES, id="refined", sizes=((64, 64),), refined=Refined(3))
LONG = replace(
    SHAPES,
    id="long",
    sizes=((64, 64),),
    frames=tuple(range(9, 402, 4)),
    default_frames=97,
    segments=Segments(97, 17),
)


def plan_of(model: ModelProfile, pace: Pace = UNKNOWN, **asked: Any) -> Plan:
    request, catalogue = VideoRequest("a red ball", **asked), Catalogue([model], model.id)
    return make_plan(request, catalogue, Bounds(), pace, draw_seed=lambda: 77)


def test_a_refined_video_is_made_small_and_then_refined_at_full_size() -> None:
    plan = plan_of(REFINED, steps=11)
    assert plan.stages == (Stage(replace(plan.spec, width=32, height=32), 8), Stage(plan.spec, 3))
    assert (plan.sampling.steps, plan.sampling.budget) == (11, 11)
    assert [plan.stage_at(step) for step in (0, 7, 8, 10, 11)] == [(0, 0), (0, 0), (1, 8), (1, 8), (1, 8)]
    assert plan.spec_at(7).size == "32x32"
    assert plan.left(0) == 1
    assert plan.left(8) == pytest.approx(12 / 20), "a small step is a quarter of a large one"
    assert plan.left(11) == 0
    assert "refined in 3" in plan.why.reasons[-1]
    assert [each["steps"] for each in describe(plan)["stages"]] == [8, 3]


def test_what_is_left_out_of_a_refined_video_is_left_out_of_its_first_walk() -> None:
    plan = plan_of(REFINED, steps=11, budget=7)
    assert plan.masks is not None
    assert (sum(plan.masks.run[:8]), plan.masks.run[8:]) == (4, (True, True, True))
    cases: list[tuple[dict[str, Any], str]] = [
        ({"steps": 3}, "num_inference_steps"),
        ({"steps": 11, "budget": 3}, "budget"),
    ]
    for asked, param in cases:
        with pytest.raises(InvalidRequest) as refused:
            plan_of(REFINED, **asked)
        assert refused.value.param == param


def test_a_long_film_is_made_in_segments_and_a_short_one_in_one_walk() -> None:
    short = plan_of(LONG, steps=10, frames=97)
    assert short.stages == ()
    plan = plan_of(LONG, steps=10, frames=97 + 80 + 36, budget=4)
    assert [(stage.spec.frames, stage.steps, stage.given) for stage in plan.stages] == [
        (97, 10, 0),
        (97, 10, 17),
        (53, 10, 17),
    ]
    assert sum(stage.spec.frames - stage.given for stage in plan.stages) == plan.spec.frames
    assert (plan.sampling.steps, plan.sampling.budget) == (30, 12)
    assert plan.masks is not None
    assert plan.masks.run[:10] == plan.masks.run[10:20] == plan.masks.run[20:]
    assert plan.full_run == 3 * short.full_run


def test_an_interval_of_guidance_is_one_of_each_walk_and_costs_as_much() -> None:
    plan = plan_of(LONG, steps=10, frames=97 + 80, guidance_start=0.2, guidance_stop=0.5)
    assert plan.masks is not None
    assert [*plan.masks.unconditional] == [2 <= step < 5 for step in range(10)] * 2
    assert [plan.guides(step) for step in (2, 5, 12, 15)] == [True, False, True, False]
    assert evaluations(plan) == 2 * 6.5
    assert [work for _, work in work_of(plan)] == [6.5, 6.5]
    assert walk_of(plan, 1).masks == walk_of(plan, 0).masks
    assert "each of its walks" in plan.why.reasons[-1]
    kept = job_to_json(a_job(plan=plan))
    assert job_from_json(kept).plan == plan
    assert b'"version":%d' % VERSION in kept, "older ones would guide by the steps of all stages"


def test_a_walk_of_few_steps_is_left_out_of_the_rule() -> None:
    few = replace(REFINED, refined=Refined(3, adapter="few"), adapters=("few",))
    plan = plan_of(few, steps=11, guidance_start=0.25)
    assert plan.masks is not None
    assert [*plan.masks.unconditional] == [False] * 2 + [True] * 6 + [False] * 3
    assert walk_of(plan, 1).sampling.rule is None
    assert "its first walk alone" in plan.why.reasons[-1]


def test_the_first_steps_of_each_walk_stand_still_and_one_at_least_does_not() -> None:
    plan = plan_of(LONG, steps=10, frames=97 + 80, cfg_zero_star=True)
    assert [step for step in range(20) if plan.still(step)] == [0, 10]
    assert evaluations(plan) == 18
    with pytest.raises(InvalidRequest) as refused:
        plan_of(REFINED, steps=11, cfg_zero_star=True, zero_init_steps=3)
    assert refused.value.param == "zero_init_steps"


def test_the_cost_is_that_of_each_stage_at_its_own_shape() -> None:
    frames = REFINED.default_frames
    pace = Pace(step_s=1.0, step_times={f"{frames}x64x64": 2.0, f"{frames}x32x32": 0.3})
    assert plan_of(REFINED, pace, steps=11).estimate.step_seconds == pytest.approx(8 * 0.3 + 3 * 2.0)
    pace = Pace(step_s=1.0, step_times={"97x64x64": 2.0, "53x64x64": 1.2})
    plan = plan_of(LONG, pace, steps=10, frames=97 + 80 + 36)
    assert plan.estimate.step_seconds == pytest.approx(20 * 2.0 + 10 * 1.2)


def test_a_stage_is_a_plan_of_its_own() -> None:
    plan = plan_of(LONG, steps=10, frames=177, budget=4, seed=1)
    alone = plan_of(LONG, steps=10, frames=97, budget=4, seed=1)
    walk = walk_of(plan, 1)
    assert (walk.spec, walk.sampling, walk.masks) == (alone.spec, alone.sampling, alone.masks)
    assert walk.stages == ()
    assert walk_of(alone, 0) is alone


def test_stages_are_kept_in_the_record_and_make_another_video() -> None:
    plan = plan_of(REFINED, steps=11)
    job = a_job(plan=plan)
    kept = job_to_json(job)
    assert job_from_json(kept).plan == plan
    assert b'"version":7' in kept, "replicas that know stages read it"
    plain = replace(plan, stages=())
    assert b'"stages"' not in job_to_json(replace(job, plan=plain))
    assert plan_digest(plan, None) != plan_digest(plain, None)


def test_a_plan_whose_stages_are_not_of_its_steps_is_none() -> None:
    plan = plan_of(REFINED, steps=11)
    with pytest.raises(ValueError, match="stages"):
        replace(plan, stages=(Stage(VideoSpec(64, 64, 9, 8), 10),))
