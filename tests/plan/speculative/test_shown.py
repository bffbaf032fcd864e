from __future__ import annotations

import pytest

from app.models.vocabularies import readers
from app.plan.speculative.shown import shown
from app.types import MustShow

READER = readers()["kinoray-shapes"]


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        ("a small crimson ball floats upwards on a black background", MustShow("black", (("red", "circle", "up"),))),
        (
            "a yellow star spins while a blue box moves to the right on a gray background",
            MustShow("gray", (("yellow", "star", "spinning"), ("blue", "square", "right"))),
        ),
        ("over a sandy surface, a red ball grows", MustShow("sand", (("red", "circle", "growing"),))),
        ("a white star twirling, under the night sky", MustShow("night blue", (("white", "star", "spinning"),))),
    ],
)
def test_what_is_to_be_seen_is_read_in_plain_words(prompt: str, asked: MustShow) -> None:
    assert shown(prompt, READER) == asked


@pytest.mark.parametrize(
    "prompt",
    [
        "a red ball rises",
        "a red ball on a black background",
        "a ball rises on a black background",
        "a dragon flies over the castle",
        "a red ball rises over a blue box that stands still, on a black background",
        "",
    ],
)
def test_of_a_prompt_that_leaves_something_open_nothing_is_looked_for(prompt: str) -> None:
    assert shown(prompt, READER) is None
