"""Which pictures are of the built-in world: drawings are, whatever was done to their bytes; photographs are not."""

from __future__ import annotations

import io
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.embedded.pictures import STRANGE, about, unexplained
from app.embedded.world.asks import NEWS, draw_asks
from app.embedded.world.scenes import place
from app.embedded.world.world import render

Pixels = NDArray[np.uint8]


def drawings(count: int, seed: int) -> list[Pixels]:
    scenes = place(draw_asks(count, NEWS, Random(seed)), seed, loose=True)
    return [np.asarray(video[0]) for video in render(scenes, 128, frames=1)]


def jpeg(picture: Pixels, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file).convert("RGB"))


def like_a_photograph(seed: int) -> Pixels:
    """Noise whose spectrum falls with the square of the frequency, as that of natural pictures does."""
    spectrum = np.fft.fft2(np.random.default_rng(seed).normal(size=(128, 128, 3)), axes=(0, 1))
    steps = np.fft.fftfreq(128)
    away = np.hypot(*np.meshgrid(steps, steps))[..., None]
    away[0, 0] = 1
    picture = np.real(np.fft.ifft2(spectrum / away, axes=(0, 1)))
    found: Pixels = ((picture - picture.min()) / np.ptp(picture) * 255).astype(np.uint8)
    return found


def test_drawings_are_of_the_world_as_they_are_compressed_blurred_and_scaled() -> None:
    for picture in drawings(40, 3):
        for seen in (picture, jpeg(picture, 60), np.array(Image.fromarray(picture).resize((300, 200)))):
            assert about(seen) == ""
            assert unexplained(seen) < STRANGE / 2


@pytest.mark.parametrize("seed", range(8))
def test_what_looks_like_a_photograph_is_not(seed: int) -> None:
    assert unexplained(like_a_photograph(seed)) > 2 * STRANGE
    assert "not of its world" in about(like_a_photograph(seed))


def test_noise_and_gradients_are_not() -> None:
    ramp = np.tile(np.linspace(0, 255, 128, dtype=np.uint8)[:, None], (128, 1, 3))
    assert "not of its world" in about(ramp)
    assert "not of its world" in about(np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8))


def test_a_strange_ground_and_an_empty_one_are_named() -> None:
    magenta = np.full((64, 64, 3), (200, 0, 200), np.uint8)
    assert "ground" in about(magenta)
    assert "nobody" in about(np.full((64, 64, 3), (10, 10, 12), np.uint8))
