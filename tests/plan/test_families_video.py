from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import InvalidRequest, UnsupportedParameter
from app.plan.cost import UNKNOWN
from app.plan.families_video import ROWS
from app.plan.models import Catalogue
from app.plan.planner import make_plan
from app.plan.tiers import TIERS
from app.settings import Settings
from app.types import Plan, VideoRequest

FAMILIES = Path(__file__).parents[2] / "app" / "engine" / "families"


def planned(family: str, **fields: object) -> Plan:
    profile = replace(ROWS[family].profile, id="it", revision="1")
    frames = {"frames": 1} if profile.pictures_only else {}
    request = replace(VideoRequest("a red ball"), **(frames | fields))  # type: ignore[arg-type]
    return make_plan(request, Catalogue((profile,), "it"), Settings(), UNKNOWN, lambda: 1)


@pytest.mark.parametrize("family", ROWS)
def test_every_family_has_a_file_and_a_plan_in_every_tier(family: str) -> None:
    assert (FAMILIES / f"{ROWS[family].loader}.py").is_file()
    profile = ROWS[family].profile
    for tier in TIERS:
        plan = planned(family, tier=tier)
        assert plan.sampling.sampler in profile.samplers
        assert plan.sampling.steps <= (profile.most_steps or 50)
        assert plan.sampling.guidance >= 1


@pytest.mark.parametrize(
    ("family", "fields", "param"),
    [
        ("hunyuan-video", {"negative_prompt": "blur"}, "negative_prompt"),
        ("ltx-video-distilled", {"negative_prompt": "blur"}, "negative_prompt"),
        ("ltx-video-distilled", {"guidance": 4.0}, "guidance_scale"),
        ("z-image-turbo", {"guidance": 4.0}, "guidance_scale"),
    ],
)
def test_what_a_model_does_not_hear_is_refused(family: str, fields: dict[str, object], param: str) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        planned(family, **fields)
    assert caught.value.param == param


def test_a_distilled_model_has_its_own_steps_and_no_more() -> None:
    assert [planned("ltx-video-distilled", tier=tier).sampling.steps for tier in TIERS] == [7] * len(TIERS)
    assert planned("ltx-video-distilled", steps=4).sampling.steps == 4
    with pytest.raises(InvalidRequest, match="1 to 7"):
        planned("ltx-video-distilled", steps=8)


def test_a_sampler_for_flows_is_no_sampler_of_cogvideox() -> None:
    with pytest.raises(InvalidRequest, match="ddim"):
        planned("cogvideox-5b", sampler="euler")
