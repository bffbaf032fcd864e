"""The rules that say what a prompt leaves open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.plan.prompt.expand import CLAUSES, clauses_for, expand
from app.plan.prompt.vocabulary import WORD_TABLES

ALL = tuple(each.text for each in CLAUSES)


def test_a_bare_prompt_gets_setting_light_camera_and_detail() -> None:
    assert expand("a red panda eating bamboo", 4000) == (f"a red panda eating bamboo, {', '.join(ALL)}", ALL)
    assert expand("A cat.", 4000)[0].startswith("A cat. Plain uncluttered setting, soft")


@pytest.mark.parametrize(
    ("said", "silent"),
    [
        ("a fox in a forest", "scene"),
        ("a fox at night", "lighting"),
        ("a fox, no bright light", "lighting"),
        ("a drone shot of a fox", "camera"),
        ("a fox, no camera movement", "camera"),
        ("a fox, don't zoom", "camera"),
        ("a fox, highly detailed", "quality"),
        ("a fox as a watercolour", "quality"),
        ("a minimalist fox without details", "quality"),
    ],
)
def test_what_is_said_or_ruled_out_is_not_said_again(said: str, silent: str) -> None:
    clause = next(each for each in CLAUSES if each.factor == silent)
    assert clause.text not in clauses_for(said)


@pytest.mark.parametrize(
    "prompt",
    [
        "An epic aerial tracking shot over a neon city at golden hour, crowds walking, god rays, highly detailed",
        "an old man " + "walks slowly past one shop and then another, looking for his lost hat " * 4,
        "ein roter Ball rollt",
        "un chat noir dort",
        "红色的球",
        "красный мяч",
        "🎈",
        "🎈 🎈",
        "...",
        "7",
    ],
)
def test_a_prompt_that_says_all_or_is_not_english_stays(prompt: str) -> None:
    assert expand(prompt, 4000) == (prompt, ())


def test_there_is_never_more_than_there_is_room_for() -> None:
    prompt = "a red panda"
    for room in range(len(prompt), 100):
        longer, clauses = expand(prompt, room)
        assert len(longer) <= room
        assert clauses == ALL[: len(clauses)]


words = st.sampled_from(
    [
        "a",
        "red",
        "fox",
        "🦊",
        "no",
        "don't",
        "not",
        "in",
        "the",
        "snow,",
        "runs.",
        "camera",
        "light",
        "café",
        "猫",
        "plain",
    ]
    + [entry.rstrip("*") for table in WORD_TABLES.values() for kind in table for entry in kind.entries]
)
prompts = st.one_of(st.text(min_size=1), st.lists(words, min_size=1, max_size=12).map(" ".join))


@given(prompts, st.integers(1, 300))
def test_any_prompt_stays_in_front_and_is_expanded_once(prompt: str, room: int) -> None:
    longer, clauses = expand(prompt, room)
    assert longer.startswith(prompt)
    assert len(longer) <= max(room, len(prompt))
    assert expand(longer, 4000)[0] == longer or len(clauses) < len(clauses_for(prompt))
    assert expand(prompt, room) == (longer, clauses)
