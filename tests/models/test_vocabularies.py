"""What the built-in model is said to understand follows from what its weights know."""

from __future__ import annotations

from random import Random

import pytest

from app.embedded.profile import ACROSS, COUNTS, RELATIONS
from app.embedded.reading import world_of
from app.embedded.world.asks import Mix, draw_asks
from app.embedded.world.prompts import describe
from app.plan.prompt.understand import Reader

ALL = (ACROSS, RELATIONS, COUNTS)


def codes(prompt: str, *knows: str) -> set[str]:
    _, warnings = Reader(world_of(knows), "shapes").understand(prompt)
    return {warning.code for warning in warnings}


def words(prompt: str, *knows: str) -> set[str]:
    understood, _ = Reader(world_of(knows), "shapes").understand(prompt)
    return {word.meaning for word in understood.known}


@pytest.mark.parametrize(
    ("prompt", "knows", "code", "meaning"),
    [
        ("a red ball above a blue square on black background", RELATIONS, "unknown_relation", "relation above"),
        ("a red ball to the left of a blue star in the dark", RELATIONS, "unknown_words", "relation left of"),
        ("a small red star inside a blue ring at night", RELATIONS, "unknown_relation", "relation inside"),
        ("three red circles bounce on a gray background", COUNTS, "unknown_count", "count 3"),
        ("a pair of small white boxes spin on the beach", COUNTS, "unknown_count", "count 2"),
    ],
)
def test_weights_that_know_it_have_no_warning_for_it(prompt: str, knows: str, code: str, meaning: str) -> None:
    assert code in codes(prompt)
    assert codes(prompt, knows) == set()
    assert meaning in words(prompt, knows)
    assert meaning not in words(prompt)


def test_going_across_is_understood_as_such_where_it_is_known() -> None:
    prompt = "a red ball rolls across the stage on a black background"
    assert "motion right" in words(prompt)
    assert "motion across right" in words(prompt, ACROSS)
    assert "motion_reworded" in codes("a red ball bounces across the screen on a black background", ACROSS)


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("a red ball above on a black background", "unknown_relation"),
        ("a red star inside a blue square on a black background", "unknown_relation"),
        ("a red ball behind a blue square on a black background", "unknown_relation"),
        ("four red circles on a black background", "unknown_count"),
        ("red circles on a black background", "unknown_count"),
        ("three red circles and a blue square on a black background", "unknown_count"),
    ],
)
def test_what_lies_beyond_is_still_named(prompt: str, code: str) -> None:
    assert code in codes(prompt, *ALL)


@pytest.mark.parametrize("mix", [Mix(1.0, related=1.0, across=True), Mix(0.0, counted=1.0), Mix(0.0, across=True)])
def test_no_prompt_of_training_is_beyond_weights_that_know_it(mix: Mix) -> None:
    rng = Random(5)
    for ground, said in draw_asks(150, mix, rng):
        prompt = describe(said, ground, rng)
        found = codes(prompt, *ALL) - {"unseen_motion", "several_motions"}
        assert found == set(), prompt
