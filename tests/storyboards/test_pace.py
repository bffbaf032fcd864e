"""How long a text will be spoken, near enough to plan with."""

from __future__ import annotations

import pytest

from app.storyboards.pace import estimated_s


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("The ball rolls slowly over the hill, and nobody is there to see it.", 3.5, 6.0),  # espeak-ng: 4.0 s
        ("球がゆっくりと丘を転がっていく。", 2.5, 5.0),
        ("Один два три четыре пять", 1.0, 3.0),
    ],
)
def test_a_text_takes_about_as_long_as_a_voice_does(text: str, least: float, most: float) -> None:
    assert least < estimated_s(text) < most


def test_twice_the_speed_takes_half_the_time() -> None:
    assert estimated_s("One. Two.", 2.0) == pytest.approx(estimated_s("One. Two.") / 2)


@pytest.mark.parametrize("text", ["", "…!?", "\n\t", "🙂"])
def test_what_cannot_be_spoken_takes_no_time(text: str) -> None:
    assert estimated_s(text) == 0.0
