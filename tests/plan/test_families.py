from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import pytest

from app.errors import InvalidRequest, UnsupportedParameter
from app.models.served import profile_of
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.families import FAMILIES
from app.plan.planner import make_plan
from app.plan.tiers import TIERS
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.types import FIRST, IMAGE, Artifact, Plan, VideoRequest, WishedInput


def planned(family: str, **fields: object) -> Plan:
    profile = profile_of(ModelEntry(id="it", family=family, source="a/b"), FAMILIES[family], "1")
    asks: dict[str, object] = {"frames": 1} if profile.pictures_only else {}
    if profile.needs_image:
        asks |= {"image": Artifact("inputs/t/1.png", "image/png", 1)}
    request = replace(VideoRequest("a red ball"), **(asks | fields))  # type: ignore[arg-type]
    return make_plan(request, Catalogue((profile,), "it"), Settings(), UNKNOWN, lambda: 1)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_has_a_file_and_a_plan_in_every_tier(family: str) -> None:
    row = FAMILIES[family]
    wanted = tuple(WishedInput(role.role, IMAGE) for role in row.inputs if role.needed and role.role != FIRST)
    assert find_spec(f"app.engine.families.{row.loader}") is not None
    for tier in TIERS:
        plan = planned(family, tier=tier, references=wanted)
        assert plan.sampling.sampler in row.samplers
        assert plan.sampling.steps <= (row.most_steps or 50)
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


@pytest.mark.parametrize("family", [name for name, row in FAMILIES.items() if row.one_frame])
def test_what_was_trained_on_pictures_makes_one_frame(family: str) -> None:
    plan = planned(family, frames=1)
    assert (plan.spec.frames, plan.warnings) == (1, ())
    assert planned(family, frames=2).warnings[0].code == "rounded"
