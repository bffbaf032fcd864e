import json
import shutil
from pathlib import Path
from random import Random

import pytest
import torch

from app.embedded.load import EmbeddedModel, drawing_autoencoder, load, read_autoencoder
from app.embedded.profile import WEIGHTS, revision
from app.embedded.training.redraw import (
    WALKS,
    Examples,
    Redrawing,
    asks_of,
    begun,
    chunk_of,
    error_of,
    export,
    gather,
    levels_from,
    loose_of,
    train,
)
from app.embedded.world.prompts import is_held_out

FEW = Redrawing(chunks=2, chunk=3)


@pytest.fixture(scope="module")
def model() -> EmbeddedModel:
    return load()


def test_scenes_of_hard_motions_come_more_often_and_none_is_held_out() -> None:
    asks = asks_of(200, Random(1))
    motions = [said[0].motion for _, said in asks if len(said) == 1]
    assert motions.count("orbiting") > 2 * motions.count("still")
    assert not any(is_held_out(one.colour, one.shape, one.motion, ground) for ground, said in asks for one in said)


@pytest.mark.parametrize(("sigma", "count"), WALKS)
def test_levels_fall_from_the_noise_that_is_put_on_in_even_shifted_steps(sigma: float, count: int) -> None:
    levels = levels_from(sigma, count, 12.0)
    unshifted = [level / (12 - 11 * level) for level in levels]
    assert levels[0] == pytest.approx(sigma)
    assert len(levels) == count
    assert torch.tensor([*unshifted, 0.0]).diff().std() < 1e-6


def test_an_example_is_what_the_denoiser_leaves_of_what_was_drawn_and_the_same_for_the_same_seed(
    model: EmbeddedModel,
) -> None:
    made, again = (chunk_of(model, None, FEW, 4) for _ in range(2))
    assert made.rough.shape == made.drawn.shape
    assert made.rough.shape[1:] == (5, 8, 8, 1024)
    torch.testing.assert_close(made.rough, again.rough)
    assert ((made.rough > 0.5) == (made.drawn > 127)).float().mean() > 0.98


def test_what_was_gathered_is_not_made_again(model: EmbeddedModel, tmp_path: Path) -> None:
    first = gather(model, None, FEW, tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = gather(model, None, FEW, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times
    torch.testing.assert_close(again.drawn, first.drawn)


def test_a_few_lessons_draw_what_was_rough_more_nearly_as_it_should_be(model: EmbeddedModel, tmp_path: Path) -> None:
    chunk = chunk_of(model, None, Redrawing(chunk=4), 3)
    autoencoder = read_autoencoder(WEIGHTS / "autoencoder")
    autoencoder.redrawer = begun(autoencoder)
    rough, drawn = chunk.rough.float(), chunk.drawn.float() / 255
    before = error_of(autoencoder, rough, drawn).item()
    many = Examples(chunk.rough.repeat(64, 1, 1, 1, 1), chunk.drawn.repeat(64, 1, 1, 1, 1))
    redrawer = train(autoencoder, many, loose_of(model, FEW, 0), Redrawing(warmup=5), 0.1)
    assert error_of(autoencoder, rough, drawn).item() < before
    shutil.copytree(WEIGHTS, tmp_path / "weights")
    for goes_on in (False, True):
        export(redrawer, FEW, 0.1, revision(), tmp_path / "weights", goes_on)
    kept = drawing_autoencoder(tmp_path / "weights").redrawer
    assert kept is not None
    torch.testing.assert_close(kept.out.weight, redrawer.out.weight, atol=1e-3, rtol=1e-3)
    facts = json.loads((tmp_path / "weights" / "model.json").read_text())["redrawer"]
    assert facts["recipe"]["chunk"] == 3
    assert [each["recipe"]["chunk"] for each in facts["earlier"]] == [3]


def test_loose_clips_are_off_the_lattice(model: EmbeddedModel) -> None:
    (one,) = loose_of(model, Redrawing(chunk=1), 0)
    assert one.shape == (5, 8, 8, 1024)
    assert 0 < one.float().mean() < 128
