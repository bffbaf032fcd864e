from random import Random

import pytest
import torch

from app.embedded.checker.checker import look
from app.embedded.checker.rates import rates_of
from app.embedded.world import vocabulary as words
from app.embedded.world.asks import NEWS, Ask, Mix, draw_asks
from app.embedded.world.pairs import Question
from app.embedded.world.prompts import describe, is_held_out
from app.embedded.world.scenes import place
from app.embedded.world.world import paths, render

RELATED = Mix(1.0, related=1.0, across=True)
COUNTED = Mix(0.0, counted=1.0)


def across(count: int, seed: int) -> list[Ask]:
    asks = draw_asks(20 * count, Mix(0.0, across=True), Random(seed))
    return [ask for ask in asks if ask[1][0].motion in words.ACROSS][:count]


def wrong(asks: list[Ask], seed: int) -> list[str]:
    """What the checker finds wrong in drawn scenes, by the name of what it judges."""
    videos = render(place(asks, seed), 64)
    found = []
    for ask, video in zip(asks, videos, strict=True):
        rates = rates_of([Question("…", ask, False)], [look(video)])
        found += [f"{name}: {ask}" for name, rate in rates.items() if rate.right == 0]
    return found


def test_a_mix_without_news_draws_what_a_share_of_pairs_alone_draws() -> None:
    assert draw_asks(50, Mix(0.4), Random(1)) == draw_asks(50, 0.4, Random(1))
    assert all(one.count == 1 and not one.relation for _, said in draw_asks(50, 0.4, Random(1)) for one in said)


@pytest.mark.parametrize("held_out", [True, False])
def test_the_news_keep_to_the_held_out_set(held_out: bool) -> None:
    for ground, said in draw_asks(300, NEWS, Random(2), held_out):
        assert all(is_held_out(one.colour, one.shape, one.motion, ground) == held_out for one in said)


def test_relations_hold_at_every_frame_of_a_drawn_scene() -> None:
    asks = [ask for ask in draw_asks(300, RELATED, Random(3)) if ask[1][0].relation != "inside"]
    for (_, said), scene in zip(asks, place(asks, 3), strict=True):
        one, two = paths(scene.subjects)[..., :2]
        axis = 1 if said[0].relation in ("above", "below") else 0
        way = two - one if said[0].relation in ("above", "left of") else one - two
        assert way[:, axis].min() >= 0.2, (said, scene)
        assert way[:, axis].mean() > way[:, 1 - axis].mean().abs(), (said, scene)


def test_who_is_inside_a_ring_shares_no_latent_cell_with_it() -> None:
    asks = [ask for ask in draw_asks(200, RELATED, Random(4)) if ask[1][0].relation == "inside"][:12]
    for scene in place(asks, 4):
        inner, ring = (render([type(scene)(scene.ground, (one,))], 128)[0] for one in scene.subjects)
        ground = torch.tensor(words.GROUNDS[scene.ground], dtype=torch.uint8)
        cells = [(video != ground).any(-1).any(0).unfold(0, 16, 16).unfold(1, 16, 16) for video in (inner, ring)]
        assert not (cells[0].flatten(2).any(-1) & cells[1].flatten(2).any(-1)).any()


def test_drawn_relations_are_seen_as_they_were_asked() -> None:
    assert wrong(draw_asks(12, RELATED, Random(5)), 5) == []


def test_drawn_numbers_are_seen_as_they_were_asked() -> None:
    assert wrong(draw_asks(12, COUNTED, Random(6)), 6) == []


def test_ways_across_are_seen_as_they_were_asked() -> None:
    assert wrong(across(6, 7), 7) == []


def test_other_relations_and_numbers_are_seen_as_wrong() -> None:
    asks = [ask for ask in draw_asks(60, RELATED, Random(8)) if ask[1][0].relation in ("above", "left of")][:6]
    turned: list[Ask] = [(ground, (two, one)) for ground, (one, two) in asks]
    seen = [look(video) for video in render(place(asks, 8), 64)]
    for ask, (_, (two, one)), video in zip(asks, turned, seen, strict=True):
        swapped = (type(one)(two.colour, two.shape, two.size, two.motion, one.relation), one)
        assert rates_of([Question("…", (ask[0], swapped), False)], [video])["relation"].right == 0
    three = [ask for ask in draw_asks(40, COUNTED, Random(9)) if ask[1][0].count == 3][:3]
    for (ground, (one,)), video in zip(three, render(place(three, 9), 64), strict=True):
        fewer = (ground, (type(one)(one.colour, one.shape, one.size, one.motion, count=2),))
        assert rates_of([Question("…", fewer, False)], [look(video)])["number of subjects"].right == 0


def test_cycles_have_one_phase_for_a_place() -> None:
    asks = [ask for ask in draw_asks(300, 0.5, Random(10)) if any(o.motion in ("bouncing", "orbiting") for o in ask[1])]
    for scene in place(asks, 10):
        for one in scene.subjects:
            if one.motion == "bouncing":
                assert one.phase == 0
            if one.motion == "orbiting":
                assert one.phase == (0.25 if one.y > 0.5 else 0.75)


def test_loose_places_lie_off_the_lattice_and_in_the_picture() -> None:
    asks = [ask for ask in draw_asks(60, 0.0, Random(11)) if ask[1][0].motion == "still"]
    scenes = place(asks, 11, loose=True)
    assert any(scene.subjects[0].x * 8 % 1 for scene in scenes)
    for scene in scenes:
        path = paths(scene.subjects)
        assert ((path[..., :2] - path[..., 2:3] > 0) & (path[..., :2] + path[..., 2:3] < 1)).all()


@pytest.mark.parametrize("relation", words.RELATIONS)
def test_a_relation_is_always_said(relation: str) -> None:
    ask = next(ask for ask in draw_asks(400, RELATED, Random(12)) if ask[1][0].relation == relation)
    ways = [*words.RELATION_WORDS[relation], *(way for both in words.PLACE_WORDS.get(relation, ()) for way in both)]
    texts = {describe(ask[1], ask[0], Random(seed)) for seed in range(100)}
    assert len(texts) > 80
    assert all(any(way in text.lower() for way in ways) for text in texts)


def test_a_number_is_always_said_in_the_plural() -> None:
    for seed in range(60):
        ground, (said,) = draw_asks(1, COUNTED, Random(seed))[0]
        text = describe((said,), ground, Random(seed)).lower()
        assert any(f"{way} " in f"{text} " for way in words.NUMBER_WORDS[said.count])
        shapes = words.SHAPE_WORDS[said.shape]
        assert any(f"{shape}{'es' if shape.endswith('x') else 's'}" in text for shape in shapes)
