from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.cache.keys import plan_digest
from app.errors import InvalidRequest
from app.models.vocabularies import readers
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.explain import describe
from app.plan.masks.mask import masks_of
from app.plan.planner import make_plan
from app.plan.speculative.speculative import (
    behind,
    draft_walk,
    kept_walk,
    plain_walk,
    steps_saved,
    walks,
)
from app.plan.speculative.table import DraftRow, DraftTable
from app.plan.tables import Tables
from app.plan.work import evaluations, runs
from app.types import STUDENT, Extension, ModelProfile, MustShow, Plan, StudentOfModel, TierOfModel, VideoRequest
from tests.jobs.make import VIDEO
from tests.plan.conftest import SHAPES, Bounds

LEVELS = StudentOfModel("abc", (1.0, 0.9, 0.7, 0.4))
TAUGHT = replace(
    SHAPES,
    sizes=(*SHAPES.sizes, (96, 64)),
    student=LEVELS,
    tiers=(TierOfModel("preview", (4, 4, 4, 4), guidance=1.0, weights=STUDENT),),
)
FEW = replace(SHAPES, adapters=("few",), tiers=(TierOfModel("preview", (6, 6, 6, 6), guidance=1.0, adapter="few"),))
ROW = DraftRow("standard", 0.8, 0.25, {25: 16})


def tables(maker: str = "abc", revision: str = SHAPES.revision) -> Tables:
    return Tables(drafts={SHAPES.id: DraftTable(SHAPES.id, revision, maker, "adherence", (ROW,))})


def planned(model: ModelProfile = TAUGHT, measured: Tables | None = None, **wishes: Any) -> Plan:
    asked: dict[str, Any] = {"tier": "standard", "speculative": True} | wishes
    request = VideoRequest("a red ball", **asked)
    known = tables() if measured is None else measured
    return make_plan(request, Catalogue([model], model.id), Bounds(), UNKNOWN, lambda: 1, known)


def test_what_asks_for_no_draft_has_none_and_costs_what_it_did() -> None:
    plan = planned(speculative=False)
    assert plan.draft is None
    assert describe(plan)["draft"] is None
    assert walks(plan) == (plan,)
    assert runs(plan) == masks_of(plan).budget


def test_a_draft_is_made_by_the_student_and_gone_on_from_where_the_table_says() -> None:
    draft = planned().draft
    assert draft is not None
    assert (draft.student, draft.adapters) == (LEVELS, ())
    assert (draft.sampling.steps, draft.sampling.budget, draft.sampling.guidance) == (4, 4, 1.0)
    assert (draft.step, draft.level, draft.most_residual, draft.calibrated) == (16, 0.8, 0.25, True)
    assert describe(planned())["draft"] == {"evaluations": 4, "from_step": 16, "noise_level": 0.8, "calibrated": True}


def test_the_plan_costs_the_draft_and_what_is_walked_behind_it() -> None:
    plan, plain = planned(), planned(speculative=False)
    left = masks_of(kept_walk(plan)).budget
    assert left == 25 - 16
    assert (runs(plan), evaluations(plan), steps_saved(plan)) == (4 + left, 2 + left, 16)
    assert describe(plan)["evaluations"] == 4 + left
    assert plan.estimate.step_seconds == pytest.approx(plain.estimate.step_seconds * (2 + left) / 25)


def test_the_walks_are_those_of_plans_without_drafts_the_farthest_first() -> None:
    plan = planned()
    assert walks(plan) == (kept_walk(plan), draft_walk(plan), plain_walk(plan))
    assert all(walk.draft is None for walk in walks(plan))
    assert draft_walk(plan).student == LEVELS
    assert masks_of(draft_walk(plan)).run == (True,) * 4
    assert plain_walk(plan).masks == planned(speculative=False).masks
    assert behind(plan) == kept_walk(plan)


@pytest.mark.parametrize(
    "wishes",
    [
        {"tier": "premium"},
        {"steps": 25},
        {"budget": 20},
        {"guidance": 5.0},
        {"sampler": "unipc"},
        {"width": 96, "height": 64},
        {"frames": SHAPES.frames[0]},
        {"measured": tables(maker="other")},
        {"measured": tables(revision="other")},
    ],
)
def test_what_was_not_measured_is_shown_a_draft_and_begins_at_noise(wishes: dict[str, Any]) -> None:
    plan = planned(**wishes)
    assert plan.draft is not None
    assert not plan.draft.calibrated
    assert behind(plan) == plain_walk(plan)
    assert walks(plan) == (draft_walk(plan), plain_walk(plan))
    assert any("not measured" in reason for reason in plan.why.reasons)


@pytest.mark.parametrize(
    ("wishes", "why"),
    [
        ({"tier": "preview"}, "made whole"),
        ({"negative_prompt": "blur"}, "negative prompt"),
        ({"shift": 5.0}, "flow shift"),
        ({"step_cache": "first_block"}, "step cache"),
        ({"image": VIDEO}, "picture"),
        ({"image": VIDEO, "extends": Extension("video_1", VIDEO, 17)}, "goes on from a video"),
    ],
)
def test_what_a_draft_would_not_know_is_made_without_and_says_so(wishes: dict[str, Any], why: str) -> None:
    plan = planned(replace(TAUGHT, takes_image=True, step_caches=True), **wishes)
    assert plan.draft is None
    (warning,) = [each for each in plan.warnings if each.code == "no_draft"]
    assert warning.param == "speculative"
    assert why in warning.message


def test_a_model_that_makes_no_drafts_refuses_by_code_and_field() -> None:
    with pytest.raises(InvalidRequest) as refused:
        planned(SHAPES)
    assert (refused.value.error_code, refused.value.param) == ("draft_unavailable", "speculative")


def test_the_few_step_adapter_of_the_preview_tier_makes_drafts_where_there_is_no_student() -> None:
    plan = planned(FEW, tables(maker="few"))
    assert plan.draft is not None
    assert (plan.draft.student, plan.draft.adapters, plan.adapters) == (None, (("few", 1.0),), ())
    walk = draft_walk(plan)
    assert (walk.adapters, walk.sampling.steps, walk.sampling.guidance) == ((("few", 1.0),), 6, 1.0)
    assert plan.draft.step == 16
    assert planned(FEW, tables(maker="abc")).draft == replace(plan.draft, step=0, level=1.0, most_residual=0.0)
    assert planned(FEW, tier="preview").draft is None


def test_a_speculative_video_has_a_key_of_its_own_with_all_that_decides_it() -> None:
    keys = {
        plan_digest(planned(speculative=False), None),
        plan_digest(planned(), None),
        plan_digest(planned(measured=Tables()), None),
        plan_digest(planned(replace(TAUGHT, student=replace(LEVELS, revision="d"))), None),
    }
    assert len(keys) == 4
    assert plan_digest(plain_walk(planned()), None) == plan_digest(planned(speculative=False), None)


@pytest.mark.parametrize(("prompt", "shown"), [("a red ball rises on a black background", True), ("a red ball", False)])
def test_where_drafts_are_looked_at_a_prompt_must_say_all_that_is_to_be_seen(prompt: str, shown: bool) -> None:
    table = DraftTable(SHAPES.id, SHAPES.revision, "abc", "adherence", (replace(ROW, looked_at=True),))
    reader = readers()["kinoray-shapes"]
    request = VideoRequest(prompt, tier="standard", speculative=True)
    plan = make_plan(
        request,
        Catalogue([TAUGHT], TAUGHT.id),
        Bounds(),
        UNKNOWN,
        lambda: 1,
        Tables(drafts={SHAPES.id: table}),
        readers={TAUGHT.id: reader},
    )
    assert plan.draft is not None
    asked = MustShow("black", (("red", "circle", "up"),)) if shown else None
    assert (plan.draft.calibrated, plan.draft.shown) == (shown, asked)
