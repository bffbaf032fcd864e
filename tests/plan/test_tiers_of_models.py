from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.errors import InvalidRequest
from app.plan.catalogue import Catalogue, pool_of
from app.plan.cost import UNKNOWN
from app.plan.planner import make_plan
from app.types import Plan, TierOfModel, VideoRequest
from tests.plan.conftest import SHAPES, Bounds

PREVIEW = TierOfModel("preview", steps=(4, 4, 6, 8), guidance=1.0, sizes=((64, 64),), most_frames=9)
MODEL = replace(SHAPES, sizes=((128, 128), (64, 64)), tiers=(PREVIEW,))


def planned(**wishes: Any) -> Plan:
    catalogue = Catalogue([MODEL], MODEL.id)
    return make_plan(VideoRequest("a red ball", **wishes), catalogue, Bounds(), UNKNOWN, draw_seed=lambda: 1)


def test_a_model_has_its_own_steps_guidance_and_shape_in_a_tier() -> None:
    made = planned(tier="preview")
    assert (made.sampling.steps, made.sampling.guidance, made.spec.size, made.spec.frames) == (4, 1.0, "64x64", 9)


def test_other_tiers_are_as_the_table_and_the_model_have_them() -> None:
    made = planned(tier="standard")
    assert (made.sampling.steps, made.sampling.guidance, made.spec.size, made.spec.frames) == (25, 3.0, "128x128", 17)


def test_a_tier_goes_to_its_pool() -> None:
    pools = {"preview": "draft", "kinoray-shapes:ultra": "best"}
    assert [pool_of(MODEL, tier, pools) for tier in ("preview", "standard", "ultra")] == ["draft", "main", "best"]


def test_what_a_tier_does_not_allow_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="The tier is preview") as caught:
        planned(tier="preview", frames=17)
    assert caught.value.error_code == "unsupported_length"


def test_the_estimate_of_a_smaller_shape_is_smaller() -> None:
    wishes = {"steps": 10, "guidance": 3.0}  # at the tier's own, a step is only half a guided one
    whole, small = planned(**wishes).estimate, planned(**wishes, tier="preview").estimate
    assert small.step_seconds == pytest.approx(whole.step_seconds * (64 / 128) ** 2 * 9 / 17)


@pytest.mark.parametrize(
    "broken",
    [
        TierOfModel("luxury"),
        TierOfModel("preview", steps=(8, 4, 4, 4)),
        TierOfModel("preview", steps=(4, 4)),
        TierOfModel("preview", sizes=((99, 99),)),
        TierOfModel("preview", most_frames=1),
        TierOfModel("preview", guidance=0.0),
    ],
)
def test_a_row_that_the_model_cannot_keep_is_refused_at_start(broken: TierOfModel) -> None:
    with pytest.raises(ValueError, match="contradicts itself"):
        Catalogue([replace(SHAPES, tiers=(broken,))], SHAPES.id)
