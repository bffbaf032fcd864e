from __future__ import annotations

import numpy as np
import pytest

from app.video.upscale.tiles import HALO, tiles


@pytest.mark.parametrize(("height", "width", "side"), [(1, 1, 32), (128, 128, 256), (480, 832, 256), (257, 33, 32)])
def test_tiles_keep_each_pixel_once_and_see_no_more_than_is_allowed(height: int, width: int, side: int) -> None:
    kept = np.zeros((height, width), int)
    for tile in tiles(height, width, side):
        kept[tile.keep_top : tile.keep_bottom, tile.keep_left : tile.keep_right] += 1
        assert max(tile.bottom - tile.top, tile.right - tile.left) <= side + 2 * HALO
        assert tile.top <= tile.keep_top < tile.keep_bottom <= tile.bottom <= height
    assert (kept == 1).all()
