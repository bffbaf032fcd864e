"""A plan says what of it is not as asked: words beyond the model, fields without effect, other lengths, equal tiers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from app.embedded.profile import profile
from app.models.vocabularies import readers
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.planner import make_plan
from app.plan.tables import load_tables
from app.plan.unheeded import about_wishes
from app.settings import Settings
from app.types import Artifact, CacheMode, Plan, VideoRequest, Wishes
from tests.plan.conftest import Planned

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
BUILT_IN = profile()


def built_in(prompt: str, **wishes: Any) -> Plan:
    catalogue = Catalogue([BUILT_IN], BUILT_IN.id)
    tables, known = load_tables(), readers()
    return make_plan(VideoRequest(prompt, **wishes), catalogue, Settings(), UNKNOWN, lambda: 7, tables, readers=known)


def told(plan: Plan) -> set[tuple[str, str | None]]:
    return {(warning.code, warning.param) for warning in plan.warnings}


def test_a_measured_loss_is_claimed_only_of_what_was_measured() -> None:
    inside = built_in("a red ball rolls to the right on a sand background")
    assert inside.calibrated
    assert "lose" in " ".join(inside.why.reasons)
    for outside in (
        built_in("a cat walks on the beach"),
        built_in("a red ball rolls to the right", frames=9),
        built_in("a red ball rolls to the right", guidance=1.0),
        built_in("a red ball rolls to the right", negative_prompt="blue"),
    ):
        assert outside.sampling.budget < outside.sampling.steps
        assert not outside.calibrated
        assert "points of" not in " ".join(outside.why.reasons)
    unipc = built_in("a red ball rolls to the right", sampler="unipc")  # no mask of its is good
    assert (unipc.sampling.budget, unipc.calibrated) == (unipc.sampling.steps, False)


def test_every_prompt_of_the_readme_is_inside_its_world() -> None:
    prompts = re.findall(r'(?:PROMPT=|(?:generate|analyze) |prompt=|create\(|"prompt": )"([^"]+)"', README)
    assert len(prompts) >= 7
    assert {prompt: built_in(prompt).warnings for prompt in prompts} == dict.fromkeys(prompts, ())


def test_models_that_draw_anything_understand_nothing_in_particular(plan: Planned) -> None:
    made = plan("a cat walks on the beach")
    assert (made.understood, made.warnings) == (None, ())


@pytest.mark.parametrize(
    ("wishes", "warning"),
    [
        ({"negative_prompt": "blur", "guidance": 1.0}, ("no_effect", "negative_prompt")),
        ({"tier": "premium", "steps": 20}, ("no_effect", "tier")),
        ({"frames": 9, "seconds": 2.0}, ("no_effect", "seconds")),
        ({"frames": 10}, ("rounded", "num_frames")),
        ({"seconds": 2.0}, ("rounded", "seconds")),
    ],
)
def test_what_changes_nothing_or_is_rounded_is_told(
    plan: Planned, wishes: dict[str, Any], warning: tuple[str, str]
) -> None:
    assert told(plan("a dog", **wishes)) == {warning}


@pytest.mark.parametrize(
    "wishes",
    [
        {"negative_prompt": "blur"},
        {"tier": "auto", "steps": 20},
        {"tier": "premium", "budget": 20},
        {"frames": 9},
        {"seconds": 2.125},
        {"frames": 17, "seconds": 2.125},
    ],
)
def test_what_is_as_asked_needs_no_word(plan: Planned, wishes: dict[str, Any]) -> None:
    assert plan("a dog", **wishes).warnings == ()


@pytest.mark.parametrize(
    ("wishes", "degrade", "param"),
    [
        (Wishes(), True, "allow_degrade"),
        (Wishes(cache=CacheMode.BYPASS, cache_ttl_s=60.0), False, "cache.ttl_s"),
        (Wishes(cache=CacheMode.OFF, similar=True), False, "cache.similar"),
    ],
)
def test_wishes_that_change_nothing_are_told(plan: Planned, wishes: Wishes, degrade: bool, param: str) -> None:
    request = VideoRequest("a dog", allow_degrade=degrade, wishes=wishes)
    assert told(about_wishes(request, plan("a dog"))) == {("no_effect", param)}


def test_a_tier_that_nobody_tells_from_a_lower_one_says_so() -> None:
    prompt = "a red ball rolls to the right on a sand background"
    assert told(built_in(prompt, tier="standard")) == set()  # nobody has judged preview, which the student makes
    assert told(built_in(prompt, tier="premium")) == {("same_as_lower_tier", "tier")}  # 97.9 points, as standard
    assert told(built_in(prompt, tier="ultra")) == {("same_as_lower_tier", "tier")}
    assert told(built_in(prompt)) == set()


def test_a_prompt_that_names_nobody_beside_a_picture_means_who_is_in_it() -> None:
    picture = Artifact("inputs/0", "image/png", 9)
    assert told(built_in("make it move to the right", image=picture)) == {("subject_of_picture", "prompt")}
    assert ("unknown_subject", "prompt") in told(built_in("make it move to the right"))
    assert ("unknown_subject", "prompt") in told(built_in("a dog moves to the right", image=picture))
