from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.cache.keys import plan_digest
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.explain import describe
from app.plan.feedback.feedback import Place
from app.plan.planner import make_plan
from app.plan.similar.similar import Kept, choose
from app.plan.similar.table import UNMEASURED
from app.plan.work import evaluations
from app.types import STUDENT, Plan, StudentOfModel, TierOfModel, VideoRequest
from tests.plan.conftest import SHAPES, Bounds

LEVELS = StudentOfModel("abc", (1.0, 0.9, 0.7, 0.4))
ROW = TierOfModel("preview", (4, 4, 4, 4), guidance=1.0, weights=STUDENT)
MODEL = replace(SHAPES, student=LEVELS, tiers=(ROW,))


def planned(leanings: dict[Place, float] | None = None, **wishes: Any) -> Plan:
    request = VideoRequest("a red ball", **({"tier": "preview"} | wishes))
    return make_plan(
        request, Catalogue([MODEL], MODEL.id), Bounds(), UNKNOWN, draw_seed=lambda: 1, leanings=leanings or {}
    )


def test_a_tier_that_names_the_student_is_made_by_it_in_its_evaluations_without_guidance() -> None:
    made = planned()
    assert made.student == LEVELS
    assert (made.sampling.steps, made.sampling.budget, made.sampling.guidance) == (4, 4, 1.0)
    assert evaluations(made) == 2.0  # guided ones
    assert "The distilled student makes it, in 4 evaluations without guidance." in made.why.reasons
    assert describe(made)["weights"] == "student"


def test_other_tiers_are_made_by_the_models_own_weights() -> None:
    made = planned(tier="standard")
    assert made.student is None
    assert made.sampling.guidance == 3.0
    assert describe(made)["weights"] == "own"
    assert not any("student" in reason for reason in made.why.reasons)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"steps": 20}, "20 steps"),
        ({"budget": 3}, "a budget of 3"),
        ({"guidance": 3.0}, "a guidance of 3"),
        ({"negative_prompt": "blur"}, "negative prompt"),
        ({"sampler": "unipc"}, "sampler euler"),
        ({"shift": 5.0}, "flow shift"),
        ({"step_cache": "first_block"}, "step cache"),
    ],
)
def test_what_the_student_cannot_do_is_made_by_the_teacher_and_the_reasons_say_why(
    wishes: dict[str, Any], said: str
) -> None:
    made = planned(**wishes)
    assert made.student is None
    assert made.tier == "preview"
    assert made.sampling.guidance == 3.0
    assert [said in reason for reason in made.why.reasons if "student" in reason] == [True]


def test_the_teacher_then_has_the_steps_of_the_quality_table() -> None:
    assert planned(guidance=3.0).sampling.steps == 12
    assert planned(steps=20).sampling.steps == 20


def test_asking_for_just_what_the_student_does_is_no_reason_against_it() -> None:
    assert planned(steps=4, budget=4, guidance=1.0, sampler="euler", shift=SHAPES.shift).student == LEVELS


def test_ratings_do_not_take_evaluations_from_the_student() -> None:
    leanings = {(MODEL.id, "preview", name): 0.5 for name in ("simple", "moderate", "complex", "very_complex")}
    assert planned(leanings).sampling.budget == 4


def test_other_student_weights_or_levels_are_another_key() -> None:
    made = planned()
    other = make_plan(
        VideoRequest("a red ball", tier="preview"),
        Catalogue([replace(MODEL, student=StudentOfModel("def", LEVELS.levels))], MODEL.id),
        Bounds(),
        UNKNOWN,
        draw_seed=lambda: 1,
    )
    own = replace(made, student=None, mark="")
    assert len({plan_digest(plan, "shared") for plan in (made, other, own)}) == 3


def test_what_draws_the_pictures_is_part_of_the_key_and_of_nothing_about_latents() -> None:
    one, other = (
        make_plan(
            VideoRequest("a red ball"),
            Catalogue([replace(MODEL, drawn_by=mark)], MODEL.id),
            Bounds(),
            UNKNOWN,
            draw_seed=lambda: 1,
        )
        for mark in ("one", "other")
    )
    assert plan_digest(one, "shared") != plan_digest(other, "shared")
    assert one.revision == other.revision == MODEL.revision


def test_a_students_video_begins_with_no_similar_one() -> None:
    made = planned()
    near = [Kept("entry", made.prompt, made.sampling.seed, 1.0)]
    table = replace(UNMEASURED, rows=(replace(UNMEASURED.rows[0], share=0.7),))
    assert choose(replace(made, student=None), near, None, table) is not None
    assert choose(made, near, None, table) is None


@pytest.mark.parametrize(
    "broken",
    [
        replace(MODEL, student=None),
        replace(MODEL, tiers=(replace(ROW, steps=(4, 4, 4, 5)),)),
        replace(MODEL, tiers=(replace(ROW, guidance=None),)),
        replace(MODEL, tiers=(replace(ROW, weights="teacher"),)),
        replace(MODEL, student=StudentOfModel("abc", (1.0, 0.7, 0.9, 0.4))),
        replace(MODEL, student=StudentOfModel("abc", (0.9, 0.8, 0.7, 0.4))),
    ],
)
def test_a_tier_that_the_student_cannot_make_is_refused_when_the_catalogue_is_built(broken: Any) -> None:
    with pytest.raises(ValueError, match="contradicts itself"):
        Catalogue([broken], broken.id)
