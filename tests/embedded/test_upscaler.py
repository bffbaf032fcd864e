"""The built-in model's own upscaler: shapes, what edges gain, and that bands of rows change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from app.embedded.profile import UPSCALER_FOLDER, WEIGHTS, profile, upscaler_mark
from app.embedded.upscaler import EmbeddedUpscaler, doubled, read_upscaler
from app.video.upscale.lanczos import lanczos
from benchmarks.drawn_clips import drawn, psnr, scenes
from benchmarks.upscaling import edges_of


@pytest.mark.parametrize("factor", [2, 4])
def test_edges_of_held_out_drawings_are_nearer_to_the_truth_than_by_a_filter(factor: int) -> None:
    enlarge, gains = EmbeddedUpscaler(factor), list[float]()
    for scene in scenes(6, seed=9, still=True):
        small, truth = drawn(scene, 128)[8], drawn(scene, 128 * factor)[8]
        edges, made = edges_of(truth), enlarge(small)
        assert made.shape == truth.shape
        gains.append(psnr(made, truth, edges) - psnr(lanczos(small, factor), truth, edges))
    assert float(np.mean(gains)) >= 2.0


def test_bands_of_rows_give_what_the_whole_would() -> None:
    network, pictures = read_upscaler(), torch.rand(1, 3, 70, 24, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole, banded = doubled(network, pictures, band=70), doubled(network, pictures, band=16)
    assert torch.allclose(whole, banded, atol=1e-6)


def test_a_flat_picture_stays_flat() -> None:
    made = EmbeddedUpscaler(2)(np.full((32, 48, 3), (200, 30, 90), np.uint8))
    assert made.shape == (64, 96, 3)
    assert np.abs(made.astype(int) - (200, 30, 90)).max() == 0


def test_the_profile_names_the_weights_that_ship() -> None:
    assert profile().upscaler == upscaler_mark(WEIGHTS)
    assert (WEIGHTS / UPSCALER_FOLDER / "recipe.json").is_file()
    assert profile().upscale == 2
