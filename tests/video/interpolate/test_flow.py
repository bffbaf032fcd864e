from __future__ import annotations

import numpy as np
import pytest

from app.video.encode import Frames
from app.video.interpolate.flow import FlowInterpolator
from benchmarks.drawn_clips import drawn, psnr, scenes


def halfway(first: Frames, second: Frames) -> Frames:
    return next(FlowInterpolator().between(first, second, [0.5]))


def test_what_moves_is_halfway_in_between_and_no_ghost_of_it_at_either_end() -> None:
    scene = next(each for each in scenes(60, 3) if each.subjects[0].motion == "right" and len(each.subjects) == 1)
    truth = drawn(scene, 128, rate=2)
    made = halfway(truth[8], truth[10])
    blended = (truth[8].astype(int) + truth[10]) / 2
    assert psnr(made, truth[9]) > 45 > psnr(blended, truth[9])


def test_what_one_frame_alone_shows_is_taken_from_it() -> None:
    rng = np.random.default_rng(0)
    ground = np.repeat(np.repeat(rng.integers(60, 200, (16, 16, 3), np.uint8), 8, 0), 8, 1)
    frames = []
    for left in (30, 36, 42):
        frame = ground.copy()
        frame[40:80, left : left + 40] = (250, 20, 20)
        frames.append(frame)
    made = halfway(frames[0], frames[2])
    assert psnr(made, frames[1]) > psnr((frames[0].astype(int) + frames[2]) / 2, frames[1]) + 3


def test_colours_of_one_lightness_are_followed_too() -> None:
    frames = np.full((3, 96, 96, 3), (0, 130, 0), np.uint8)
    for number, frame in enumerate(frames):
        frame[30:60, 20 + 6 * number : 50 + 6 * number] = (255, 0, 0)  # both 76 of 255 in Rec. 601
    assert psnr(halfway(frames[0], frames[2]), frames[1]) > 35


def test_the_same_frames_give_the_same_bits() -> None:
    rolling = drawn(scenes(1, 4)[0], 128)
    again = [np.stack(list(FlowInterpolator().between(rolling[3], rolling[4], [0.25, 0.5, 0.75]))) for _ in range(2)]
    assert np.array_equal(again[0], again[1])


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (24, 24), (33, 57), (321, 323)])
def test_any_size_gives_a_picture_of_that_size(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    first, second = (rng.integers(0, 255, (*shape, 3), np.uint8) for _ in range(2))
    made = halfway(first, second)
    assert (made.shape, made.dtype) == (first.shape, np.dtype(np.uint8))


def test_frames_of_one_colour_blend_and_equal_ones_stay() -> None:
    black, white = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 254, np.uint8)
    assert np.abs(halfway(black, white).astype(int) - 127).max() <= 1
    assert np.array_equal(halfway(white, white), white)
