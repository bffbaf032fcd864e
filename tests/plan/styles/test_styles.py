from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.errors import InvalidRequest
from app.plan.styles.styles import MOST_CHARS, TEMPLATES, Style, apply, check_templates, checked, dressed
from app.types import VideoRequest
from tests.plan.conftest import Bounds, plan_for

NIGHT = Style("night", "Night", "", "a film of", "at night", "daylight", "premium", 40, 5.0, 8)
WATCH = VideoRequest("a gold watch turns")


def test_there_are_the_six_templates() -> None:
    assert set(TEMPLATES) == {"cinematic", "commercial", "artistic", "educational", "social", "corporate"}
    assert all(style.description and style.after for style in TEMPLATES.values())


def test_a_style_puts_its_words_around_the_prompt_and_decides_what_is_open() -> None:
    styled = apply(NIGHT, WATCH)
    assert styled.request == replace(
        WATCH,
        prompt="a film of a gold watch turns, at night",
        negative_prompt="daylight",
        tier="premium",
        steps=40,
        guidance=5.0,
        fps=8,
    )
    assert styled.written == "a gold watch turns"
    assert styled.decided == ("prompt", "negative_prompt", "tier", "steps", "guidance", "fps")


def test_the_reason_says_what_was_changed_and_what_was_not() -> None:
    reason = apply(NIGHT, replace(WATCH, guidance=3.0, negative_prompt="blur")).reason
    assert reason == (
        "The style Night puts 'a film of' before the prompt, puts 'at night' behind the prompt, asks for the tier "
        "premium, asks for 40 steps, asks for 8 frames a second. What the request says itself decides the negative "
        "prompt, guidance."
    )
    nothing = apply(Style("t", "T", tier="ultra"), replace(WATCH, tier="preview")).reason
    assert nothing == "The style T changes nothing here. What the request says itself decides the tier."


@pytest.mark.parametrize(
    ("own", "kept"),
    [
        ({"tier": "preview"}, {"tier": "preview", "steps": None}),
        ({"tier": "DRAFT"}, {"tier": "DRAFT", "steps": None}),
        ({"steps": 12}, {"tier": "auto", "steps": 12}),
        ({"budget": 30}, {"tier": "auto", "steps": None}),
        ({"guidance": 2.0}, {"guidance": 2.0}),
        ({"fps": 4}, {"fps": 4}),
        ({"seconds": 4.0}, {"fps": None}),
        ({"negative_prompt": "blur"}, {"negative_prompt": "blur"}),
    ],
)
def test_what_the_request_says_itself_always_wins(own: dict[str, Any], kept: dict[str, Any]) -> None:
    styled = apply(NIGHT, replace(WATCH, **own)).request
    assert {name: getattr(styled, name) for name in kept} == kept


@pytest.mark.parametrize("tier", ["auto", " AUTO ", "default"])
def test_auto_says_nothing(tier: str) -> None:
    assert apply(NIGHT, replace(WATCH, tier=tier)).request.tier == "premium"


@pytest.mark.parametrize(
    ("prompt", "whole"),
    [
        ("a ball", "a film of a ball, at night"),
        (" A ball rolls. ", "a film of A ball rolls, at night"),
        ("...", "a film of ..., at night"),
        ("   ", "   "),
    ],
)
def test_the_prompt_stays_whole_and_an_empty_one_stays_empty(prompt: str, whole: str) -> None:
    assert dressed(NIGHT, prompt) == whole
    assert dressed(Style("t", "T", tier="ultra"), prompt) == prompt


def test_the_plan_tells_of_the_style() -> None:
    styled = apply(TEMPLATES["cinematic"], WATCH)
    plan = styled.marked(plan_for(**_fields(styled.request)))
    assert (plan.style, plan.written, plan.tier) == ("cinematic", "a gold watch turns", "premium")
    assert plan.prompt == dressed(TEMPLATES["cinematic"], "a gold watch turns")
    assert plan.why.reasons[-1] == styled.reason
    assert "text, watermark" in plan.negative_prompt


@pytest.mark.parametrize("style", TEMPLATES.values(), ids=TEMPLATES)
def test_every_template_can_be_planned(style: Style) -> None:
    assert apply(style, WATCH).marked(plan_for(**_fields(apply(style, WATCH).request))).style == style.id


def test_a_refusal_that_comes_from_the_style_names_it() -> None:
    styled = apply(Style("fast", "Fast", fps=200), WATCH)
    with pytest.raises(InvalidRequest) as refused:
        plan_for(**_fields(styled.request))
    blamed = styled.blamed(refused.value)
    assert (blamed.param, blamed.error_code) == ("style", "unsupported_fps")
    assert blamed.message.endswith("That comes from the style 'fast'.")
    own = InvalidRequest("No.", param="seed")
    assert styled.blamed(own) is own


def test_a_prompt_that_grows_too_long_is_refused_with_the_reason() -> None:
    styled = apply(NIGHT, WATCH)
    with pytest.raises(InvalidRequest) as refused:
        plan_for(**_fields(styled.request), bounds=Bounds(max_prompt_chars=20))
    assert (styled.blamed(refused.value).param, refused.value.error_code) == ("prompt", "prompt_too_long")


BAD: dict[str, tuple[dict[str, Any], str | None]] = {
    "an id with a path in it": ({"id": "../x"}, "id"),
    "no name": ({"name": " "}, "name"),
    "too many words": ({"after": "x" * (MOST_CHARS["after"] + 1)}, "after"),
    "a tier that is none": ({"tier": "golden"}, "tier"),
    "no steps": ({"steps": 0}, "steps"),
    "too many steps": ({"steps": 101}, "steps"),
    "no number for guidance": ({"guidance": float("nan")}, "guidance"),
    "no frame a second": ({"fps": 0}, "fps"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_unsound_style_is_refused_by_name(case: str) -> None:
    change, param = BAD[case]
    with pytest.raises(InvalidRequest) as refused:
        checked(replace(NIGHT, **change))
    assert refused.value.param == param
    with pytest.raises(ValueError, match="style"):
        check_templates([replace(NIGHT, **change)])


def test_a_style_changes_something_and_has_its_id_alone() -> None:
    with pytest.raises(InvalidRequest, match="change something"):
        checked(Style("plain", "Plain", "Nothing at all."))
    with pytest.raises(ValueError, match="two styles"):
        check_templates([NIGHT, NIGHT])


def _fields(request: VideoRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in ("prompt", "negative_prompt", "tier", "steps", "guidance", "fps")}
