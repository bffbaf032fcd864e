"""Prompts for the built-in model, said in the words it knows best."""

from __future__ import annotations

import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.embedded.world import vocabulary as words
from app.embedded.world.prompts import Said, describe
from app.models.vocabularies import worlds
from app.plan.prompt.worlds import spell_out

WORLD = worlds()["kinoray-shapes"]


def plain(prompt: str) -> str:
    return spell_out(prompt, WORLD, 4000)


@pytest.mark.parametrize(
    ("written", "better"),
    [
        ("a crimson sphere hops", "a red circle hops on a black background"),
        ("An emerald box", "A green square standing still on a black background"),
        ("a amber hoop falls.", "an orange ring falls on a black background."),
        ("make a tiny golden star on the beach spin", "make a small yellow star on a sand background spin"),
        ("a hoop that is ruby sinks over a navy backdrop", "a ring that is red sinks over a night blue backdrop"),
        ("a blue ball moves in a circle", "a blue circle moves in a circle on a black background"),
        ("In the desert, a violet wedge falls", "On a sand background, a purple triangle falls"),
    ],
)
def test_words_become_plain_and_what_is_unsaid_is_said(written: str, better: str) -> None:
    assert plain(written) == better


@pytest.mark.parametrize(
    "prompt",
    [
        "a dog on the beach at sunset",
        "a golden hour landscape, block the road",
        "ein roter Ball rollt",
        "🎈",
        "红色的球",
        "a red circle moves left on a black background",
    ],
)
def test_what_the_world_does_not_know_or_knows_well_stays(prompt: str) -> None:
    assert plain(prompt) == prompt


def test_another_place_or_motion_is_not_contradicted() -> None:
    assert "background" not in plain("a red ball on the moon")
    assert "still" not in plain("a red ball dancing")
    assert plain("a red ball on the beach at night").count("background") == 0


def test_a_prompt_that_would_get_too_long_stays() -> None:
    assert spell_out("a crimson ball", WORLD, 20) == "a crimson ball"


subjects = st.builds(
    Said,
    st.sampled_from(sorted(words.COLOURS)),
    st.sampled_from(words.SHAPES),
    st.sampled_from(sorted(words.SIZES)),
    st.sampled_from(words.MOTIONS),
)


@given(st.lists(subjects, min_size=1, max_size=2), st.sampled_from(sorted(words.GROUNDS)), st.integers(0, 10**6))
def test_every_prompt_of_the_world_keeps_its_meaning(said: list[Said], ground: str, seed: int) -> None:
    prompt = describe(tuple(said), ground, Random(seed))
    better = plain(prompt).lower()
    for each in said:
        assert each.colour in better
        assert each.shape in better
        assert each.size in better or each.size == "medium"
    assert plain(plain(prompt)) == plain(prompt)
    assert "background" in better or any(noun in better for noun in words.GROUND_NOUNS)


@given(st.text())
def test_any_text_is_legal(text: str) -> None:
    assert len(plain(text)) <= 4000 or plain(text) == text


def test_hostile_prompts_take_no_time() -> None:
    began = time.monotonic()
    for hostile in ("a " + "red " * 999, "on a dark " * 400, "one " * 1000, "small-" * 600):
        plain(hostile)
    assert time.monotonic() - began < 2.0
