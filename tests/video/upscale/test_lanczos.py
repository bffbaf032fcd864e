from __future__ import annotations

import numpy as np
import pytest

from app.video.upscale.lanczos import lanczos
from benchmarks.drawn_clips import drawn, psnr, scenes


@pytest.mark.parametrize("factor", [2, 4])
def test_an_enlarged_drawing_is_like_the_drawing_at_that_size(factor: int) -> None:
    scene = scenes(1, 2)[0]
    small, large = drawn(scene, 64, frames=2)[0], drawn(scene, 64 * factor, frames=2)[0]
    made, repeated = lanczos(small, factor), small.repeat(factor, 0).repeat(factor, 1)
    assert psnr(made, large) > psnr(repeated, large) + 1
    assert made.shape == large.shape


@pytest.mark.parametrize("factor", [2, 4])
def test_colours_stay_and_nothing_is_shifted(factor: int) -> None:
    flat = np.full((9, 7, 3), (222, 30, 36), np.uint8)
    assert (lanczos(flat, factor) == flat[0, 0]).all()
    ramp = np.arange(0, 250, 10, dtype=np.uint8)[None, :, None].repeat(9, 0).repeat(3, 2)
    back = lanczos(ramp, factor).reshape(9, factor, 25, factor, 3).mean((1, 3))
    assert np.abs(back - ramp)[:, 3:-3].max() < 1
