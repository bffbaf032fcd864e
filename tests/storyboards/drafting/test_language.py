"""The language of a text is guessed by its script and its small words."""

from __future__ import annotations

import pytest

from app.storyboards.drafting.language import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A red ball rolls over the sand.", "en"),
        ("A ball", "en"),
        ("Der Mond ist aufgegangen, die goldnen Sternlein prangen.", "de"),
        ("La lune est dans le ciel et les étoiles sont là.", "fr"),
        ("El sol está en el cielo y la luna no.", "es"),
        ("O sol não está no céu, mas a lua está.", "pt"),
        ("太阳从海上升起。", "zh"),
        ("猫が寝ています。", "ja"),
        ("고양이가 잔다.", "ko"),
        ("Луна встаёт.", "ru"),
        ("القمر في السماء", "ar"),
        ("चाँद निकला है।", "hi"),
        ("", "en"),
        ("12345", "en"),
    ],
)
def test_the_language_is_guessed(text: str, language: str) -> None:
    assert language_of(text) == language
