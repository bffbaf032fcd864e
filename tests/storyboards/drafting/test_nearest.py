"""Prompts for a model of few words say only what it knows; what is beyond it is told."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from app.embedded.profile import MODEL_ID
from app.embedded.world.vocabulary import ACROSS
from app.models.vocabularies import readers, worlds
from app.storyboards.drafting.likenesses import DOINGS, PLACES, THINGS
from app.storyboards.drafting.nearest import Nearest, Shown

NEAREST = Nearest(worlds()[MODEL_ID], MODEL_ID)
READER = readers()[MODEL_ID]


def prompt(*sentences: str, before: Shown | None = None) -> str:
    return NEAREST.prompt(sentences, before or Shown())[0]


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("A red ball bounces on the sand.", "A red circle bounces on a sand background"),
        ("A glacier melts.", "a white triangle moves down on a black background"),
        ("The sun rises over the sea.", "a yellow circle moves up on a sky blue background"),
        ("A wheel turns at night.", "an orange circle orbits on a night blue background"),
        ("Our cats hunt in the forest.", "an orange circle moves right on a dark green background"),
        ("Prices went through the roof.", "a red triangle moves right on a black background"),
        ("Freedom.", "an orange circle stands still on a black background"),
        ("太阳从海上升起。", "an orange circle stands still on a black background"),
    ],
)
def test_a_sentence_becomes_what_is_most_like_it(sentence: str, said: str) -> None:
    assert prompt(sentence) == said
    assert READER.understand(said)[1] == ()


def test_what_is_shown_goes_on_where_nothing_else_is_said() -> None:
    _, shown, _ = NEAREST.prompt(["A blue star spins in the night sky."], Shown())
    assert prompt("Nobody knows why.", before=shown) == "a blue star stands still on a night blue background"
    assert prompt("A red ball rises.", before=shown) == "A red circle rises on a night blue background"


def test_the_first_sentence_that_can_be_drawn_is_drawn() -> None:
    assert prompt("Nobody knows.", "A pink ring grows.") == "A pink ring grows on a black background"


def test_what_is_beyond_the_model_is_told() -> None:
    _, _, beyond = NEAREST.prompt(["Three elephants walk."], Shown())
    assert {each.code for each in beyond} >= {"unknown_subject", "unknown_count"}
    assert NEAREST.prompt(["A red ball rolls to the right."], Shown())[2] == ()


def test_likenesses_are_of_that_world() -> None:
    world = NEAREST.world
    assert {shape for shape, _ in THINGS.values()} == set(world.shapes)
    assert {colour for _, colour in THINGS.values()} <= set(world.colours)
    assert set(PLACES.values()) == set(world.grounds)
    assert set(DOINGS.values()) | {"still"} == set(world.motions) - {*ACROSS}  # which no likeness needs


def words(table: Mapping[str, object]) -> list[str]:
    """A word for each meaning."""
    return list({meaning: word for word, meaning in table.items()}.values())


def test_every_likeness_makes_a_prompt_that_the_model_knows_whole() -> None:
    told = [f"Some {thing}." for thing in THINGS]
    told += [f"Some {thing} perhaps {doing}." for thing in words(THINGS) for doing in words(DOINGS)]
    told += [f"Some {thing}, {place}." for thing in words(THINGS) for place in words(PLACES)]
    made = {prompt(each) for each in told}
    assert [each for each in made if READER.understand(each)[1]] == []
