"""Line ends that only break a line for its width are undone."""

from __future__ import annotations

import pytest

from app.storyboards.drafting.lines import rejoined

WRAPPED = (
    "This paragraph was broken at seventy characters or so by an editor, and\n"
    "Kinoray has to put it together again, since nobody means anything by the\n"
    "place at which a line ends."
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WRAPPED, WRAPPED.replace("\n", " ")),
        ("A red ball rolls\nA blue star spins", "A red ball rolls\nA blue star spins"),
        ("A red ball rolls\nover the sand", "A red ball rolls over the sand"),
        ("First, \nSecond", "First, Second"),
        ("太阳从海上\n升起", "太阳从海上\n升起"),
        ("太阳从海上，\n升起", "太阳从海上，升起"),
        ("", ""),
    ],
)
def test_a_line_ends_something_where_it_was_not_too_long(text: str, said: str) -> None:
    assert rejoined(text) == said
