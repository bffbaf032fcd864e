from random import Random

import torch

from app.embedded.model import CleanWanTransformer
from app.embedded.training.tutor import Facts, Tutor, facts_of, places
from app.embedded.world import vocabulary as words
from app.embedded.world.scenes import draw_asks, place
from app.embedded.world.world import Scene, paths

GRID = (5, 4, 4)


def scenes() -> list[Scene]:
    return place(draw_asks(6, 0.5, Random(1)), 1)


def small() -> tuple[CleanWanTransformer, Tutor]:
    torch.manual_seed(0)
    model = CleanWanTransformer(in_channels=4, out_channels=4, num_attention_heads=1, ffn_dim=64, num_layers=2)
    return model, Tutor(model, after_block=0)


def hear(model: CleanWanTransformer, facts: Facts) -> None:
    count = len(facts.grounds)
    model.estimate(torch.randn(count, 4, 5, 8, 8), torch.full((count,), 500.0), torch.randn(count, 48, 384))


def test_facts_name_what_is_in_each_scene_in_the_order_of_its_prompt() -> None:
    drawn = scenes()
    facts = facts_of(drawn)
    for row, scene in enumerate(drawn):
        assert tuple(words.GROUNDS)[facts.grounds[row]] == scene.ground
        for slot in range(2):
            if slot < len(scene.subjects):
                colour, shape, _, motion = facts.classes[row, slot].tolist()
                one = scene.subjects[slot]
                found = (tuple(words.COLOURS)[colour], words.SHAPES[shape], words.MOTIONS[motion])
                assert found == (one.colour, one.shape, one.motion)
            else:
                assert (facts.classes[row, slot] == -1).all()


def test_a_token_at_a_subjects_place_sees_it_at_no_distance() -> None:
    where = paths(scenes()[0].subjects[:1])[None].clone()  # (1, 1, 17, 4)
    where[..., :2] = torch.tensor([0.375, 0.625])  # the middle of the token in row 2, column 1
    seen = places(where, GRID).view(1, *GRID, 1, -1)
    assert seen[0, :, 2, 1, 0, :4].abs().max() < 1e-5
    assert (seen[0, :, 2, 3, 0, 0] < -0.9).all()  # from further right it is to the left


def test_the_tutor_teaches_the_middle_layer() -> None:
    model, tutor = small()
    facts = facts_of(scenes())
    told = torch.ones(len(facts.grounds), dtype=torch.bool)
    hear(model, facts)
    loss = tutor.loss(facts, told, GRID)
    torch.autograd.backward(loss)
    assert model.blocks[0].ffn.net[0].proj.weight.grad is not None
    assert model.proj_out.weight.grad is None


def test_words_that_were_not_said_are_not_asked_for() -> None:
    model, tutor = small()
    facts = facts_of(scenes())
    nobody = torch.zeros(len(facts.grounds), dtype=torch.bool)
    hear(model, facts)
    silent = tutor.loss(facts, nobody, GRID)
    hear(model, facts)
    wrong = Facts((facts.grounds + 1) % 6, facts.classes, facts.paths)
    torch.manual_seed(3)
    assert torch.isfinite(silent)
    assert tutor.loss(wrong, nobody, GRID) < silent + 5
