"""Grounds and crops of pictures whose subject is known."""

from __future__ import annotations

import numpy as np
import pytest

from app.types import Prepare
from app.video.prepared import prepared
from app.video.subjects.finder import Pixels

RED, GREEN = (255, 0, 0), (0, 128, 0)


def picture(width: int = 120, height: int = 80) -> tuple[Pixels, Pixels]:
    """A red box from (20, 30) to (50, 60) on green, with a white line where it is far from it."""
    pixels, cover = np.full((height, width, 3), GREEN, np.uint8), np.zeros((height, width), np.uint8)
    pixels[30:60, 20:50], cover[30:60, 20:50] = RED, 255
    pixels[:, 100:102] = 255
    return pixels, cover


def colours(pixels: Pixels) -> set[tuple[int, ...]]:
    return {tuple(map(int, row)) for row in pixels.reshape(-1, 3)}


@pytest.mark.parametrize(("background", "ground"), [("remove", (255, 255, 255)), ("#20a0ff", (32, 160, 255))])
def test_the_ground_goes_and_the_subject_stays(background: str, ground: tuple[int, ...]) -> None:
    made = prepared(*picture(), Prepare(background=background), 120, 80)
    assert made.shape == (80, 120, 3)
    assert colours(made) == {RED, ground}
    assert colours(made[30:60, 20:50]) == {RED}


def test_a_blurred_ground_has_lost_its_lines_and_nothing_of_the_subject_runs_into_it() -> None:
    pixels, cover = picture()
    made = prepared(pixels, cover, Prepare(background="blur"), 120, 80)
    assert colours(made[30:60, 20:50]) == {RED}
    assert made[:, 100:102].max() < 255
    assert made[cover == 0][:, 0].min() >= 0
    beside = made[25:65, 15:20]
    assert np.abs(beside.astype(int) - GREEN).max() <= 1, "no red halo"


@pytest.mark.parametrize(("width", "height"), [(64, 64), (96, 64), (64, 96), (17, 300)])
def test_a_crop_has_the_shape_of_the_video(width: int, height: int) -> None:
    for crop in ("subject", "cover", "contain"):
        made = prepared(*picture(), Prepare(crop=crop), width, height)
        high, wide = made.shape[:2]
        assert abs(wide / high - width / height) <= max(1 / high, 1 / wide) * (1 + width / height)


def test_a_crop_to_the_subject_has_all_of_it_and_little_else() -> None:
    made = prepared(*picture(), Prepare(crop="subject"), 64, 64)
    share = (made == RED).all(-1)
    assert share.sum() == 900
    assert share.mean() > 0.5
    wide = prepared(*picture(), Prepare(crop="subject"), 300, 17)
    assert (wide == RED).all(-1).sum() >= 900, "a shape that goes beyond the picture cuts nothing off"


def test_cover_cuts_evenly_and_contain_shows_all_of_it_between_bars() -> None:
    pixels, cover = picture()
    assert np.array_equal(prepared(pixels, None, Prepare(), 64, 64), pixels[:, 20:100])
    white = prepared(pixels, cover, Prepare(background="remove", crop="contain"), 64, 64)
    assert white.shape == (120, 120, 3)
    assert colours(white[:20]) == {(255, 255, 255)}
    bars = prepared(pixels, None, Prepare(crop="contain"), 64, 64)
    assert np.array_equal(bars[20:100], pixels)
    assert colours(bars[:20]) != {(0, 0, 0)}
