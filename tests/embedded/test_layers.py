from random import Random

import pytest
import torch
from torch import Tensor

from app.embedded.layers import Layers, blend, evened, from_cells, part, to_cells
from app.embedded.training.fit import to_float
from app.embedded.world import vocabulary as words
from app.embedded.world.scenes import draw_asks, place
from app.embedded.world.world import Scene, Subject, render


def drawn(*scenes: Scene) -> Tensor:
    return to_float(render(scenes, 128))


def still(colour: str, ground: str) -> Scene:
    return Scene(ground, (Subject(colour, "star", "medium", "still", 0.142, 0.5, 0.5, 0.5, 0.0),))


@pytest.mark.parametrize("ground", words.GROUNDS)
@pytest.mark.parametrize("colour", words.COLOURS)
def test_every_colour_is_found_before_every_ground(colour: str, ground: str) -> None:
    layers = part(drawn(still(colour, ground)), 16)
    wanted = torch.tensor(words.COLOURS[colour]) / 127.5 - 1
    middle = layers.colour[0, :, 0, 4, 4]
    torch.testing.assert_close(middle, wanted, atol=0.01, rtol=0)
    torch.testing.assert_close(
        layers.ground[0, :, 0], torch.tensor(words.GROUNDS[ground]) / 127.5 - 1, atol=0.01, rtol=0
    )


def test_a_picture_taken_apart_and_blended_is_the_same_picture() -> None:
    video = drawn(*place(draw_asks(12, 0.5, Random(4)), seed=4))
    off = (blend(part(video, 16), 16) - video).square().mean((1, 2, 3, 4))
    assert off.median() < 1e-6
    assert (off < 1e-3).all()  # where two subjects meet in a cell, one of them takes the other's colour


def test_the_same_shape_has_the_same_cover_in_other_colours() -> None:
    one, other = (part(drawn(scene), 16).cover for scene in (still("red", "sand"), still("white", "night blue")))
    torch.testing.assert_close(one, other, atol=0.02, rtol=0)


def test_cells_without_a_subject_hold_nothing() -> None:
    layers = part(drawn(still("pink", "gray")), 16)
    assert layers.cover[:, :, 0].abs().max() == 0
    assert layers.colour[:, :, :, 0].abs().max() == 0


def test_a_picture_without_a_subject_is_its_ground() -> None:
    video = torch.full((1, 3, 17, 64, 64), 0.25)
    layers = part(video, 8)
    assert layers.cover.abs().max() == 0
    torch.testing.assert_close(blend(layers, 8), video)


def test_cells_and_pixels_are_the_same_numbers() -> None:
    video = torch.rand(2, 3, 8, 32, 48)
    assert to_cells(video, 16).shape == (2, 3, 2, 2, 3, 4 * 16 * 16)
    assert torch.equal(from_cells(to_cells(video, 16), 16), video)


def test_noise_on_the_colours_of_one_subject_is_evened_out_and_two_subjects_stay_apart() -> None:
    cover = torch.zeros(1, 1, 8, 8)
    cover[..., 1:4, 1:4], cover[..., 1:4, 4:7] = 500.0, 500.0
    true = torch.zeros(1, 3, 1, 8, 8)
    true[:, 0, :, 1:4, 1:4], true[:, 2, :, 1:4, 4:7] = 0.8, 0.8
    noisy = true + 0.1 * torch.randn(true.shape, generator=torch.Generator().manual_seed(1))
    held = (cover > 0)[:, None].expand_as(true)
    off = (evened(noisy, cover) - true)[held]
    assert off.abs().mean() < 0.6 * (noisy - true)[held].abs().mean()
    assert off.abs().max() < 0.3


def test_a_hardly_covered_cell_takes_the_colour_of_its_neighbour() -> None:
    cover, colour = torch.zeros(1, 1, 4, 4), torch.zeros(1, 3, 1, 4, 4)
    cover[..., 1, 1], cover[..., 1, 2] = 700.0, 1.0
    colour[:, :, :, 1, 1] = torch.tensor([0.9, -0.8, -0.7])[None, :, None]
    found = evened(colour, cover)
    torch.testing.assert_close(found[..., 1, 2], colour[..., 1, 1], atol=0.02, rtol=0)


def test_layers_are_of_four_frames_each() -> None:
    layers: Layers = part(drawn(still("red", "black"))[:, :, :9], 16)
    assert layers.ground.shape == (1, 3, 3)
    assert layers.colour.shape == (1, 3, 3, 8, 8)
    assert layers.cover.shape == (1, 3, 8, 8, 1024)
