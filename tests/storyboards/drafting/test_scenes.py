"""Sentences are put together as scenes by their length."""

from __future__ import annotations

import pytest

from app.storyboards.drafting.scenes import grouped, length_s, parted, shortened
from app.storyboards.drafting.sentences import Sentence


def told(*seconds: float, opens: tuple[int, ...] = (), paragraph: int = 0) -> tuple[Sentence, ...]:
    return tuple(Sentence(f"S{at}, and more", each, None, at in opens, paragraph) for at, each in enumerate(seconds))


def shape(groups: tuple[tuple[Sentence, ...], ...]) -> list[list[float]]:
    return [[each.seconds for each in group] for group in groups]


@pytest.mark.parametrize(
    ("seconds", "opens", "scenes"),
    [
        ((2, 2, 2, 2, 2), (), [[2, 2, 2], [2, 2]]),
        ((6, 1, 9), (), [[6], [1, 9]]),
        ((1, 1, 1), (1,), [[1], [1, 1]]),
        ((20,), (), [[20]]),
    ],
)
def test_a_sentence_joins_the_scene_that_it_brings_closer_to_its_length(
    seconds: tuple[float, ...], opens: tuple[int, ...], scenes: list[list[float]]
) -> None:
    assert shape(grouped(told(*seconds, opens=opens), 6.0, 60)) == scenes


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10])
def test_a_wished_number_of_scenes_is_met(count: int) -> None:
    groups = parted(told(*([3.0] * 10)), count)
    assert len(groups) == count
    assert [each for group in groups for each in group] == list(told(*([3.0] * 10)))
    assert max(map(length_s, groups)) <= 3.0 * -(-10 // count) + 3.0


def test_scenes_of_a_number_begin_at_headings_where_one_is_near() -> None:
    groups = parted(told(3, 3, 3, 3, 3, 3, opens=(2,)), 2)
    assert shape(groups) == [[3, 3], [3, 3, 3, 3]]


def test_sentences_are_halved_where_there_are_too_few() -> None:
    groups = parted(told(3.0), 2)
    assert [group[0].text for group in groups] == ["S0,", "and more"]
    assert len(parted(told(3.0), 9)) == 2


def test_too_many_scenes_become_as_many_as_may_be() -> None:
    assert len(grouped(told(*([9.0] * 500)), 6.0, 60)) == 60


def test_of_a_long_text_the_first_sentences_of_each_paragraph_are_kept() -> None:
    text = (*told(2, 2, 2, 2), *told(2, 2, 2, 2, opens=(0,), paragraph=1))
    kept = shortened(text, 8.0)
    assert [(each.paragraph, each.text[:2]) for each in kept] == [(0, "S0"), (0, "S1"), (1, "S0"), (1, "S1")]
    assert kept[2].opens
    assert shortened(text, 16.0) == text
    assert shortened(told(50.0), 1.0) == told(50.0)
