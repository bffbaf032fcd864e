from __future__ import annotations

import pytest

from app.models.vocabularies import worlds
from app.plan.similar.likeness import Asked, facts_of

WORLD = worlds()["kinoray-shapes"]
ASKED = "A small red ball rises on a black background"


@pytest.mark.parametrize(
    "other",
    [
        "a tiny crimson sphere floats upwards in the dark",
        "on a pitch black canvas, one little ruby orb ascends!",
        "a small ball in red moves up on a jet black field, version 2",
    ],
)
def test_other_words_for_the_same_do_not_differ(other: str) -> None:
    assert Asked(ASKED, WORLD).differs(other) is None


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ("a small blue ball rises on a black background", "subjects"),
        ("a small red box rises on a black background", "subjects"),
        ("a large red ball rises on a black background", "subjects"),
        ("a red ball rises on a black background", "subjects"),
        ("a small red ball rises and a white box rests on a black background", "subjects"),
        ("a small red ball falls on a black background", "motions"),
        ("a small red ball on a black background", "motions"),
        ("a small red ball rises on a sand background", "grounds"),
        ("a small red ball rises", "grounds"),
    ],
)
def test_what_the_world_shows_has_to_agree(other: str, what: str) -> None:
    assert Asked(ASKED, WORLD).differs(other) == what
    assert Asked(other, WORLD).differs(ASKED) == what


def test_a_way_to_move_is_no_subject() -> None:
    facts = facts_of("a blue box moves in a circle on the beach", WORLD)
    assert (len(facts.subjects), facts.motions, facts.grounds) == (1, ("orbiting",), ("sand",))


def test_which_subject_moves_how_matters() -> None:
    one = "a red ball rises and a blue box falls on a black background"
    assert Asked(one, WORLD).differs("a red ball falls and a blue box rises on a black background") == "motions"


def test_prompts_of_which_the_world_knows_nothing_cannot_be_compared() -> None:
    assert Asked("a dog in the rain", WORLD).differs("a dog in the rain.") is not None


@pytest.mark.parametrize("other", ["two cats on a red sofa", "a cat on a blue sofa", "a cat not on a red sofa"])
def test_without_a_world_words_that_decide_a_picture_have_to_agree(other: str) -> None:
    asked = Asked("a cat on a red sofa", None)
    assert asked.differs(other) is not None
    assert asked.differs("a lovely cat on a red sofa, filmed softly") is None


@pytest.mark.parametrize(
    ("prompt", "motions"),
    [
        ("a red ball moves right while a blue star spins", {"red": "right", "blue": "spinning"}),
        ("a red ball on sand", {"red": "still"}),
        ("a ball bounces", {"": "bouncing"}),
        ("a red ball and a blue square move right", {"": "right"}),
        ("make it move right", {}),  # nobody is said
        ("a red ball, a blue square and a green star: one rises, one falls", {}),  # it is not plain who does what
    ],
)
def test_a_prompt_says_how_each_of_a_colour_moves(prompt: str, motions: dict[str, str]) -> None:
    assert facts_of(prompt, WORLD).motions_by_colour == motions
