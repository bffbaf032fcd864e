from __future__ import annotations

from fractions import Fraction

import pytest

from app.video.interpolate.times import gaps


def places(made: int, made_fps: int, wanted: int, fps: int) -> list[Fraction]:
    return [gap.first + moment for gap in gaps(made, made_fps, wanted, fps) for moment in gap.moments]


@pytest.mark.parametrize(
    ("made", "made_fps", "wanted", "fps"), [(17, 8, 65, 32), (17, 8, 34, 16), (9, 16, 13, 24), (5, 7, 11, 16)]
)
def test_each_frame_stands_where_its_time_is(made: int, made_fps: int, wanted: int, fps: int) -> None:
    found = places(made, made_fps, wanted, fps)
    assert found == [min(Fraction(number * made_fps, fps), Fraction(made - 1)) for number in range(wanted)]


def test_a_frame_that_was_made_is_shown_as_it_is() -> None:
    assert [gap.moments for gap in gaps(3, 8, 5, 16)] == [(0, Fraction(1, 2)), (0, Fraction(1, 2)), (0,)]


def test_what_plays_beyond_the_last_frame_holds_it() -> None:
    assert places(2, 8, 8, 32)[-4:] == [1, 1, 1, 1]
