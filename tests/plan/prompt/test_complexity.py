from __future__ import annotations

import pytest

from app.plan.prompt.complexity import CLASSES, analyse, class_of

EPIC = (
    "A cinematic aerial tracking shot over a bustling cyberpunk city at night, neon reflections on wet streets, "
    "rain falling, crowds walking, volumetric light, highly detailed, 8k, film grain"
)


@pytest.mark.parametrize(
    ("score", "name", "steps"),
    [
        (0, "simple", 18),
        (3, "simple", 18),
        (4, "moderate", 25),
        (7, "moderate", 25),
        (8, "complex", 35),
        (12, "complex", 35),
        (13, "very_complex", 45),
        (99, "very_complex", 45),
    ],
)
def test_the_published_table_holds(score: int, name: str, steps: int) -> None:
    row = class_of(score)
    assert (row.name, row.steps) == (name, steps)


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("a red ball", "simple"),
        ("a red ball rolling to the right on a black background", "simple"),
        ("two dogs running on the beach at sunset, no camera movement", "moderate"),
        ("an epic aerial shot of a neon city at golden hour", "complex"),
        (EPIC, "very_complex"),
    ],
)
def test_the_points_are_calibrated(prompt: str, name: str) -> None:
    assert analyse(prompt).complexity == name


def test_the_score_is_the_sum_of_its_factors() -> None:
    why = analyse(EPIC)
    assert why.score == sum(factor.score for factor in why.factors)


def test_reasons_are_sentences_that_name_the_words() -> None:
    reasons = analyse("two dogs running").reasons
    assert reasons == ("Motion adds 2: running.", "Subjects add 1: 2 subjects.", "A score of 3 is simple.")


def test_a_simple_scene_is_told_so() -> None:
    assert analyse("a red ball").reasons[0].startswith("Nothing in the prompt")


def test_classes_begin_at_nothing_and_rise() -> None:
    assert CLASSES[0].least == 0
    assert list(CLASSES) == sorted(CLASSES, key=lambda row: (row.least, row.steps))
