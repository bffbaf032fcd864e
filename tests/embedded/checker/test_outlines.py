import pytest
import torch
from torch.nn import functional

from app.embedded.checker.checker import look
from app.embedded.checker.outlines import by_kind, error_px, questions_of_all, worst
from app.embedded.checker.shapes import area_by_edge
from app.embedded.world import vocabulary as words
from app.embedded.world.prompts import is_held_out
from app.embedded.world.scenes import place
from app.embedded.world.world import render

AREA_BY_EDGE = {"circle": 1 / 2, "ring": (1 - 0.56**2) / (2 * 1.56), "square": 0.86 / 2, "triangle": 0.62 / 2}
SHRINKING = [each for each in questions_of_all(1) if each.ask[1][0].motion == "shrinking"]


@pytest.mark.parametrize(("shape", "by_edge"), AREA_BY_EDGE.items())
def test_areas_and_edges_are_those_of_geometry(shape: str, by_edge: float) -> None:
    assert area_by_edge(shape) == pytest.approx(by_edge, rel=0.02)


def test_every_combination_asked_for_is_held_out_and_lone() -> None:
    asks = [each.ask for each in questions_of_all(2)]
    assert len(asks) == 2 * len({(ground, said[0]) for ground, said in asks})
    assert all(is_held_out(said[0].colour, said[0].shape, said[0].motion, ground) for ground, said in asks)
    assert {said[0].shape for _, said in asks} == set(words.SHAPES)


def test_drawn_edges_are_where_they_should_be_and_eaten_ones_are_not() -> None:
    video = render(place([SHRINKING[0].ask], 3), 128)[0]
    clean = error_px(look(video).subjects[0])
    pixels = video.permute(0, 3, 1, 2).float()
    steps = torch.arange(128)
    crooked = torch.roll(pixels, 4, dims=-1)
    eaten = torch.where(((steps // 4) % 2 == 0)[:, None], pixels, crooked).permute(0, 2, 3, 1).to(torch.uint8)
    assert clean < 0.4
    assert error_px(look(eaten).subjects[0]) > 3 * clean


def test_blurred_edges_have_a_larger_error_than_crisp_ones() -> None:
    video = render(place([SHRINKING[0].ask], 3), 128)[0]
    soft = functional.avg_pool2d(video.permute(0, 3, 1, 2).float(), 5, 1, 2, count_include_pad=False)
    blurred = soft.permute(0, 2, 3, 1).round().to(torch.uint8)
    assert error_px(look(blurred).subjects[0]) > error_px(look(video).subjects[0])


def test_edges_are_told_by_shape_and_by_motion_and_the_worst_is_named() -> None:
    questions = SHRINKING[:6]
    seen = [look(video) for video in render(place([each.ask for each in questions], 1), 128)]
    edges = by_kind(questions, seen)
    assert edges["shrinking"].videos == 6
    assert sum(edge.videos for kind, edge in edges.items() if kind in words.SHAPES) == 6
    found = worst(edges, "shrinking")
    assert found == worst(edges)
    assert found is not None
    assert edges[found[0]].pixels == max(edges[shape].pixels for shape in words.SHAPES if shape in edges)
    assert found[1] >= 1
    assert worst(edges, "orbiting") is None
