"""The built-in model's own upscaler: shapes, what edges gain, and that bands of rows change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.embedded.profile import UPSCALER_FOLDER, WEIGHTS, profile, upscaler_mark
from app.embedded.upscaler import EmbeddedUpscaler, Upscaler, boxes, doubled, read_upscaler
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


def test_where_the_network_adds_nothing_the_picture_is_enlarged_bilinearly() -> None:
    picture = torch.rand(1, 3, 9, 14, generator=torch.Generator().manual_seed(2))
    by_torch = torch.nn.functional.interpolate(picture, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(Upscaler().eval()(picture), by_torch, atol=1e-6)  # a network that is not trained adds nothing


def test_the_profile_names_the_weights_that_ship() -> None:
    assert profile().upscaler == upscaler_mark(WEIGHTS)
    assert (WEIGHTS / UPSCALER_FOLDER / "recipe.json").is_file()
    assert profile().upscale == 2


def test_where_nothing_stands_out_the_network_is_not_asked_and_the_picture_is_the_same() -> None:
    asked: list[tuple[int, int]] = []

    class Watched(Upscaler):
        def added(self, around: torch.Tensor, contrast: torch.Tensor) -> torch.Tensor:
            asked.append((around.shape[2], around.shape[3]))
            return super().added(around, contrast)

    network = Watched()
    network.load_state_dict(read_upscaler().state_dict())
    picture = torch.full((1, 3, 128, 96), 0.25)
    picture[:, 1, 20:30, 50:60] = 0.9
    picture[:, 2, 100:104, 4:8] = 0.9
    with torch.inference_mode():
        made = doubled(network.eval(), picture)
        whole = read_upscaler()(picture).clamp(0, 1)
    assert torch.allclose(made, whole, atol=1e-6)
    assert sum(height * width for height, width in asked) < 128 * 96 / 2


@given(st.lists(st.tuples(st.integers(0, 69), st.integers(0, 46)), max_size=12))
def test_boxes_hold_all_that_is_found_and_no_place_twice(places: list[tuple[int, int]]) -> None:
    found, covered = np.zeros((70, 47), bool), np.zeros((70, 47), int)
    for row, column in places:
        found[row, column] = True
    for top, bottom, left, right in boxes(found):
        covered[top:bottom, left:right] += 1
    assert covered.max(initial=0) <= 1
    assert (covered[found] == 1).all()
    assert bool(places) == bool(covered.any())
