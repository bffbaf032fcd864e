"""Sentences that begin with a pronoun are told with what it stands for."""

from __future__ import annotations

import pytest

from app.storyboards.drafting.subjects import Topic, on_its_own


def told(language: str, *sentences: str) -> str:
    topic, said = Topic(), ""
    for sentence in sentences:
        said, topic = on_its_own(sentence, topic, language)
    return said


@pytest.mark.parametrize(
    ("sentences", "said"),
    [
        (("A red ball bounces on sand.", "It rolls."), "A red ball rolls."),
        (("A red ball bounces on sand.", "It's blue."), "A red ball is blue."),
        (("A red ball bounces.", "It rolls.", "Its shadow grows."), "A red ball's shadow grows."),
        (("The old king was tired.", "He’s asleep."), "The old king is asleep."),
        (("The painted house stands alone.", "It burns."), "The painted house burns."),
        (("Suddenly, the ship sinks.", "It is gone."), "The ship is gone."),
        (("The queen of Spain left.", "Her horse is white."), "The queen of Spain's horse is white."),
        (("Mount Everest rises.", "This is high."), "Mount Everest is high."),
        (("The dogs quarrel loudly.", "They bite."), "The dogs quarrel loudly. They bite."),
        (("A ball rolls.", "It was raining."), "It was raining."),
        (("A ball rolls.", "This mountain is high."), "This mountain is high."),
        (("A ball rolls.", "Italy is far."), "Italy is far."),
        (("It rolls.",), "It rolls."),
    ],
)
def test_english_puts_the_subject_in_the_pronouns_place(sentences: tuple[str, ...], said: str) -> None:
    assert told("en-GB", *sentences) == said


@pytest.mark.parametrize(
    ("language", "first", "second", "said"),
    [
        ("de", "Der Mond geht auf.", "Er scheint.", "Der Mond geht auf. Er scheint."),
        ("fr", "La lune se lève.", "Elle brille.", "La lune se lève. Elle brille."),
        ("zh", "太阳升起。", "它很大。", "太阳升起。它很大。"),
        ("ru", "Луна встаёт.", "Она светит.", "Луна встаёт. Она светит."),
        ("fi", "Kuu nousee.", "Se loistaa.", "Se loistaa."),
    ],
)
def test_other_languages_put_the_sentence_in_front(language: str, first: str, second: str, said: str) -> None:
    assert told(language, first, second) == said
