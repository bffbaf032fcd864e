"""A tier that names a few-step method of its family is walked as the method's makers say."""

from __future__ import annotations

from typing import Any

import pytest

from app.models.served import BadModel, served
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.few_step import BY_FAMILY
from app.plan.planner import make_plan
from app.plan.work import evaluations
from app.settings import Settings
from app.types import GuidanceRule, Plan, VideoRequest
from tests.models.test_served import found, given

WAN = {"id": "wan", "family": "wan2.2-t2v-a14b", "source": "a/b", "tiers": {"preview": {"few_step": "lightx2v"}}}
ROW = BY_FAMILY["wan2.2-t2v-a14b"]["lightx2v"]


def planned(entry: dict[str, Any], **wishes: Any) -> Plan:
    (model,) = served(given(entry), found).profiles
    request = VideoRequest("a red ball", tier="preview", **wishes)
    return make_plan(request, Catalogue([model], model.id), Settings(), UNKNOWN, lambda: 1)


def test_a_named_method_brings_its_adapter_its_steps_and_its_levels() -> None:
    models = served(given(WAN), found)
    (_, entry) = models.pools["main"]
    assert (entry.loras["lightx2v"].source, entry.loras["lightx2v"].file_2) == (ROW.source, ROW.file_2)
    plan = planned(WAN)
    asked = plan.sampling
    assert (asked.steps, asked.guidance, asked.guidance_2, asked.shift, asked.sampler) == (4, 1.0, 1.0, 5.0, "euler")
    assert asked.levels == ROW.levels
    assert (plan.adapters, evaluations(plan)) == ((("lightx2v", 1.0),), 2.0)


@pytest.mark.parametrize("wishes", [{"steps": 6}, {"sampler": "unipc"}, {"shift": 8.0}])
def test_what_a_request_asks_otherwise_has_the_samplers_levels(wishes: dict[str, Any]) -> None:
    plan = planned(WAN, **wishes)
    assert (plan.sampling.levels, plan.adapters) == ((), (("lightx2v", 1.0),))


def test_what_the_tier_says_comes_first() -> None:
    plan = planned({**WAN, "tiers": {"preview": {"few_step": "lightx2v", "steps": 8}}})
    assert (plan.sampling.steps, plan.sampling.levels) == (8, ())


def test_a_tier_may_say_where_there_is_guidance() -> None:
    tier = {"steps": 10, "guidance_start": 0.1, "guidance_stop": 0.6, "cfg_zero_star": True}
    plan = planned({**WAN, "tiers": {"preview": tier}})
    assert plan.sampling.rule == GuidanceRule(0.1, 0.6, zero_star=True, zero_steps=1)


@pytest.mark.parametrize(
    ("family", "tier", "message"),
    [
        ("wan2.1-t2v-14b", {"few_step": "lightx2w"}, "did you mean"),
        ("cogvideox-5b", {"few_step": "turbo"}, "it has none"),
        ("cogvideox-5b", {"shift": 3.0}, "flow shift of its own"),
        ("cogvideox-5b", {"sampler": "unipc"}, "sampled by ddim"),
        ("wan2.1-t2v-14b", {"steps": 3, "levels": [1.0, 0.5]}, "2 noise levels"),
        ("wan2.1-t2v-14b", {"steps": 2, "levels": [0.5, 1.0]}, "do not fall"),
        ("hunyuan-video", {"guidance_stop": 0.5}, "no unconditional pass"),
        ("wan2.1-t2v-14b", {"guidance_start": 0.6, "guidance_stop": 0.5}, "below guidance_stop"),
        ("ltx-2", {"cfg_zero_star": True}, "in its own way"),
    ],
)
def test_what_a_family_has_not_is_named_at_the_start(family: str, tier: dict[str, Any], message: str) -> None:
    with pytest.raises(BadModel, match=f"(?i)models: m: .*{message}"):
        served(given({"id": "m", "family": family, "source": "a/b", "tiers": {"preview": tier}}), found)
