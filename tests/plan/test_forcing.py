from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import SkyReelsV2DiffusionForcingPipeline

from app.cache.keys import plan_digest
from app.errors import InvalidRequest, UnsupportedParameter
from app.jobs.record import VERSION, job_from_json, job_to_json
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.forcing import taken
from app.plan.planner import make_plan
from app.plan.work import evaluations
from app.types import Artifact, ModelProfile, Plan, Segments, Stage, VideoRequest
from tests.jobs.make import a_job
from tests.plan.conftest import SHAPES, Bounds

LONG = replace(
    SHAPES,
    id="long",
    sizes=((64, 64),),
    frames=tuple(range(9, 402, 4)),
    default_frames=97,
    takes_image=True,
    segments=Segments(97, 17),
)
PICTURE = Artifact("inputs/a", "image/png", 1)


def plan_of(model: ModelProfile = LONG, **asked: Any) -> Plan:
    request, catalogue = VideoRequest("a red ball", **asked), Catalogue([model], model.id)
    return make_plan(request, catalogue, Bounds(), UNKNOWN, draw_seed=lambda: 77)


@pytest.mark.parametrize("lag", [1, 3, 4, 7])
@pytest.mark.parametrize(("blocks", "ready"), [(5, 0), (5, 2), (1, 0), (6, 5)])
def test_blocks_step_when_diffusers_updates_them(blocks: int, ready: int, lag: int) -> None:
    steps, block = 4, 3
    matrix, index, updates, _ = SkyReelsV2DiffusionForcingPipeline.generate_timestep_matrix(
        None, blocks * block, torch.tensor([900, 700, 400, 100]), blocks * block, lag, ready * block, block
    )
    rows = taken(blocks, steps, lag, ready)
    assert len(rows) == len(matrix)
    before = (steps,) * ready + (0,) * (blocks - ready)
    for here, theirs, update in zip(rows, index[:, ::block], updates[:, ::block], strict=True):
        assert here == tuple(theirs.clamp(max=steps).tolist())
        assert [new > old for old, new in zip(before, here, strict=True)] == update.tolist()
        assert max(new - old for old, new in zip(before, here, strict=True)) == 1
        before = here


def test_a_film_whose_frames_lag_has_the_steps_of_its_last_block_and_pays_for_them() -> None:
    plan = plan_of(steps=10, frames=97, ar_step=5, causal_block_size=5)
    assert plan.stages == (Stage(plan.spec, 30, own_steps=10),)
    assert (plan.sampling.steps, plan.sampling.budget, evaluations(plan)) == (30, 30, 30)
    assert "lags 5 steps" in plan.why.reasons[-1]
    longer = plan_of(steps=10, frames=97 + 80, ar_step=2)
    assert [(each.steps, each.own_steps, each.ready) for each in longer.stages] == [(58, 10, 0), (48, 10, 5)]


def test_a_first_picture_is_a_frame_that_is_ready() -> None:
    plan = plan_of(steps=10, frames=97, ar_step=1, image=PICTURE)
    assert plan.stages == (Stage(plan.spec, 10 + 23, own_steps=10, ready=1),)
    assert plan_of(steps=10, frames=97, image=PICTURE).stages == ()


def test_causal_blocks_alone_leave_all_frames_at_one_level() -> None:
    plan = plan_of(steps=10, frames=97, causal_block_size=5)
    assert plan.stages == (Stage(plan.spec, 10),)
    assert plan.sampling.causal_block == 5
    assert plan_of(steps=10, frames=97, causal_block_size=1) == plan_of(steps=10, frames=97)


def test_lagging_is_kept_makes_another_video_and_is_no_job_for_older_replicas() -> None:
    plain, plan = plan_of(steps=10, frames=177), plan_of(steps=10, frames=177, ar_step=2)
    kept = job_to_json(a_job(plan=plan))
    assert job_from_json(kept).plan == plan
    assert b'"version":%d' % VERSION in kept
    assert b'"version":7' in job_to_json(a_job(plan=plain))
    assert plain.stages[0].facts.keys() == {"spec", "steps", "given", "adapter"}, "as its digest always had it"
    assert plan_digest(plan, None) != plan_digest(plain, None)


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"ar_step": -1}, "ar_step"),
        ({"ar_step": 101}, "ar_step"),
        ({"causal_block_size": 33}, "causal_block_size"),
        ({"ar_step": 5, "causal_block_size": 5, "frames": 93}, "num_frames"),
        ({"ar_step": 5, "causal_block_size": 5, "image": PICTURE}, "causal_block_size"),
        ({"ar_step": 5, "budget": 4}, "budget"),
    ],
)
def test_what_the_pipeline_could_not_walk_is_refused_by_name(asked: dict[str, Any], param: str) -> None:
    with pytest.raises((InvalidRequest, UnsupportedParameter)) as refused:
        plan_of(**{"steps": 10, "frames": 97, **asked})
    assert refused.value.param == param


def test_a_model_with_one_level_for_all_frames_says_so() -> None:
    for asked in ({"ar_step": 1}, {"causal_block_size": 2}):
        with pytest.raises(UnsupportedParameter, match="one noise level") as refused:
            plan_of(SHAPES, **asked)
        assert refused.value.param in asked
