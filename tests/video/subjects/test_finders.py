"""Subjects are found where they were drawn, the same each time, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from app.video.subjects.finder import box_of, coverage_of
from app.video.subjects.foreground import Foreground
from app.video.subjects.person import Person
from tests.video.subjects.drawn import GROUNDS, iou, person, scenes, without_subject

NOTHING = without_subject()


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("side", [128, 256])
def test_what_stands_before_a_ground_is_found_where_it_is(side: int, ground: str) -> None:
    found = [iou(Foreground().find(pixels), truth) for pixels, truth in scenes(8, side, ground)]
    assert np.mean(found) >= 0.9


def test_it_is_found_the_same_each_time() -> None:
    pixels, _ = scenes(1, 256, "grain")[0]
    first, again = Foreground().find(pixels), Foreground().find(pixels.copy())
    assert first is not None
    assert again is not None
    assert np.array_equal(first, again)


@pytest.mark.parametrize("name", NOTHING)
def test_where_there_is_nothing_nothing_is_found(name: str) -> None:
    assert Foreground().find(NOTHING[name]) is None
    assert Person().find(NOTHING[name]) is None


@pytest.mark.parametrize(
    ("width", "height", "tall"), [(192, 256, 200), (640, 480, 380), (100, 200, 190), (128, 128, 110)]
)
def test_somebody_who_stands_is_found(width: int, height: int, tall: int) -> None:
    pixels, truth = person(width, height, tall)
    cover = Person().find(pixels)
    assert cover is not None
    assert iou(cover, truth) >= 0.9
    left, _, wide, high = box_of(cover)
    assert abs(left + wide / 2 - width / 2) < 0.05 * width
    assert abs(high - tall) < 0.2 * tall
    assert coverage_of(cover) == pytest.approx(truth.mean(), rel=0.1)


def test_shapes_are_no_people() -> None:
    assert [Person().find(pixels) for pixels, _ in scenes(6, 256)] == [None] * 6
