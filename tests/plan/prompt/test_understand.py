"""What the built-in model makes of a prompt: words that it knows, words that it does not, and what goes beyond it."""

from __future__ import annotations

import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.embedded.world import vocabulary as words
from app.embedded.world.prompts import Said, describe, is_possible
from app.models.vocabularies import readers

READER = readers()["kinoray-shapes"]


def codes(prompt: str) -> set[str]:
    return {warning.code for warning in READER.understand(prompt)[1]}


def test_known_words_are_told_with_their_meaning_and_unknown_ones_by_name() -> None:
    understood, warnings = READER.understand("a cat walks on the beach with a crimson orb")
    assert [(word.text, word.meaning) for word in understood.known] == [
        ("on the beach", "ground sand"),
        ("crimson", "colour red"),
        ("orb", "shape circle"),
    ]
    assert understood.unknown == ("cat", "walks")
    assert [(warning.code, warning.param) for warning in warnings] == [("unknown_subject", "prompt")]
    assert "'cat'" in warnings[0].message


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("a cat walks on the beach", "unknown_subject"),
        ("a product shot of a watch", "unknown_subject"),
        ("the same, from above", "unknown_subject"),
        ("an orange falls", "unknown_subject"),
        ("a red ball and a cat", "unknown_subject"),
        ("🎈", "unknown_subject"),
        ("five red balls", "unknown_count"),
        ("7 stars", "unknown_count"),
        ("a red ball, a blue box and a green star", "unknown_count"),
        ("a red ball behind a blue box", "unknown_relation"),
        ("a red ball chasing a blue box", "unknown_relation"),
        ("ein roter Ball rollt", "unknown_language"),
        ("红色的球", "unknown_language"),
        ("un balle rouge", "unknown_language"),
        ("un gato camina por la playa", "unknown_language"),
        ("palla rossa rimbalza", "unknown_language"),
        ("a red ball, drone shot", "unknown_camera"),
        ("the camera pans, a red ball falls", "unknown_camera"),
        ("a red ball on a white background", "unknown_ground"),
        ("a red ball without a blue box", "unknown_negation"),
        ("a shiny red ball", "unknown_words"),
        ("a ball bounces", "colour_unsaid"),
        ("a red ball and a red box", "same_colour"),
        ("a red and blue ball", "several_colours"),
        ("a red box spins and falls", "several_motions"),
        ("a red ball spins", "unseen_motion"),
        ("a red ball bounces across the sand", "motion_reworded"),
        ("a red ball falls " + "slowly and slowly " * 20, "prompt_cut"),
    ],
)
def test_what_goes_beyond_the_model_is_told(prompt: str, code: str) -> None:
    assert code in codes(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "a red ball rolls right and a blue box grows",
        "three red balls",
        "a red ball above a blue box",
        "a small white star spins on night blue",
        "a red ball bounces on sand",
        "A green ring orbits, a white star spins.",
        "a red ball rolls across the screen",
        "a red ball not moving",
    ],
)
def test_plain_ways_to_ask_for_what_it_knows_are_no_cause_for_warnings(prompt: str) -> None:
    assert (codes(prompt), READER.understand(prompt)[0].unknown) == (set(), ())


subjects = st.builds(
    Said,
    st.sampled_from(sorted(words.COLOURS)),
    st.sampled_from(words.SHAPES),
    st.sampled_from(sorted(words.SIZES)),
    st.sampled_from(words.MOTIONS),
).filter(lambda said: is_possible(said.shape, said.motion))


@given(
    st.lists(subjects, min_size=1, max_size=2, unique_by=lambda said: said.colour),
    st.sampled_from(sorted(words.GROUNDS)),
    st.integers(0, 10**6),
)
def test_every_prompt_that_the_model_was_trained_on_is_understood_whole(
    said: list[Said], ground: str, seed: int
) -> None:
    understood, warnings = READER.understand(describe(tuple(said), ground, Random(seed)))
    assert (understood.unknown, warnings) == ((), ())
    meanings = {word.meaning for word in understood.known}
    assert {f"colour {each.colour}" for each in said} | {f"shape {each.shape}" for each in said} <= meanings


@given(st.text())
def test_any_text_is_legal(text: str) -> None:
    understood, _ = READER.understand(text)
    assert len(understood.known) <= 40
    assert len(understood.unknown) <= 40


def test_hostile_prompts_take_no_time() -> None:
    READER.understand("a red ball")
    began = time.monotonic()
    for hostile in ("a " + "red " * 999, "moves across the " * 250, "goes " * 800, "🎈" * 4000, "on a dark " * 400):
        READER.understand(hostile)
    assert time.monotonic() - began < 2.0
