"""Teaching the upscaler: what it is taught with, and that a few steps of it leave weights that can be read."""

from __future__ import annotations

from pathlib import Path

import torch

from app.embedded.load import read_autoencoder
from app.embedded.profile import WEIGHTS
from app.embedded.training.upscale import UpscalerRecipe, batch_of, draw, error_of, export, train
from app.embedded.upscaler import read_upscaler

FEW = UpscalerRecipe(steps=2, clips=2, batch=2, again=1)


def test_crops_are_of_one_place_in_three_sizes() -> None:
    frames = draw(read_autoencoder(WEIGHTS / "autoencoder"), FEW, seed=3)
    small, double, fourfold = batch_of(frames, FEW, torch.Generator().manual_seed(0))
    assert [each.shape[-1] for each in (small, double, fourfold)] == [32, 64, 128]
    again = torch.nn.functional.avg_pool2d(double, 2)
    assert (again - small).abs().mean() < 0.05
    assert (torch.nn.functional.avg_pool2d(fourfold, 2) - double).abs().mean() < 0.05


def test_edges_count_for_more_than_flat_places() -> None:
    truth = torch.zeros(1, 3, 16, 16)
    truth[..., 8:] = 1.0
    at_edge, in_flat = truth.clone(), truth.clone()
    at_edge[..., 8] -= 0.5
    in_flat[..., 13] -= 0.5
    assert error_of(at_edge, truth, 8.0) > 5 * error_of(in_flat, truth, 8.0)


def test_what_was_trained_can_be_read(tmp_path: Path) -> None:
    told = list[str]()
    export(train(read_autoencoder(WEIGHTS / "autoencoder"), FEW, told.append), FEW, tmp_path)
    assert read_upscaler(tmp_path).reach == 5
