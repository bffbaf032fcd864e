from random import Random

import pytest
import torch

from app.embedded.world import vocabulary as words
from app.embedded.world.scenes import draw_asks, place
from app.embedded.world.world import Scene, Subject, paths, render


def still(colour: str = "red", shape: str = "square", motion: str = "still", **changes: float) -> Subject:
    placed = {"radius": 0.12, "x": 0.5, "y": 0.5, "travel": 0.4, "phase": 0.0} | changes
    return Subject(colour, shape, "medium", motion, **placed)


def test_a_scene_shows_its_ground_and_its_colour() -> None:
    video = render([Scene("sand", (still("blue"),))], picture=64)
    assert video.shape == (1, 17, 64, 64, 3)
    assert tuple(video[0, 0, 0, 0].tolist()) == words.GROUNDS["sand"]
    assert tuple(video[0, 0, 32, 32].tolist()) == words.COLOURS["blue"]


@pytest.mark.parametrize("shape", words.SHAPES)
def test_shapes_keep_their_proportions_at_any_picture_size(shape: str) -> None:
    shares = []
    for picture in (64, 128):
        video = render([Scene("black", (still("white", shape),))], picture)
        shares.append(video[0, 0, ..., 0].float().sub(10).div(238).mean().item())
    assert shares[0] == pytest.approx(shares[1], rel=0.05)


def test_edges_are_about_one_pixel_soft() -> None:
    row = render([Scene("black", (still("white"),))], 128)[0, 0, 64, :, 0]
    assert ((row > 20) & (row < 240)).sum() <= 4


@pytest.mark.parametrize(("motion", "axis", "sign"), [("left", 0, -1), ("right", 0, 1), ("up", 1, -1), ("down", 1, 1)])
def test_straight_motions_cross_more_than_a_third_of_the_picture(motion: str, axis: int, sign: int) -> None:
    path = paths([still(motion=motion)])[0]
    assert sign * (path[-1, axis] - path[0, axis]) > 1 / 3


def test_standing_still_does_not_change_the_picture() -> None:
    video = render([Scene("gray", (still(),))], 64)
    assert torch.equal(video[0, 0], video[0, -1])


def test_all_drawn_subjects_stay_inside_the_picture() -> None:
    for scene in place(draw_asks(200, 0.5, Random(1)), seed=1):
        path = paths(scene.subjects)
        assert (path[..., :2] - path[..., 2:3] > 0).all()
        assert (path[..., :2] + path[..., 2:3] < 1).all()


def test_two_subjects_differ_in_colour_and_rarely_touch() -> None:
    gaps = []
    for scene in place(draw_asks(200, 1.0, Random(2)), seed=2):
        first, second = scene.subjects
        assert first.colour != second.colour
        path = paths(scene.subjects)
        apart = (path[0, :, :2] - path[1, :, :2]).norm(dim=-1) - path[..., 2].sum(0)
        gaps.append(apart.min().item())
    assert sum(gap > -0.02 for gap in gaps) / len(gaps) > 0.95


def test_the_same_seed_draws_the_same_scenes() -> None:
    assert place(draw_asks(5, 0.5, Random(3)), 3) == place(draw_asks(5, 0.5, Random(3)), 3)
