"""Pictures of captions and the frames that get them."""

from __future__ import annotations

import numpy as np
import pytest

from app.captions.picture import CaptionPicture, blend

CHANCE = np.random.default_rng(18)
PICTURE = CaptionPicture(CHANCE.integers(0, 256, (20, 30, 4), dtype=np.uint8), 7, 5)


def test_a_frame_is_mixed_by_alpha_in_the_region_alone() -> None:
    before = CHANCE.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    frame = before.copy()
    blend(frame, PICTURE)
    alpha = PICTURE.pixels[..., 3:] / 255
    region = (slice(7, 27), slice(5, 35))
    assert np.array_equal(frame[region], np.rint(PICTURE.pixels[..., :3] * alpha + before[region] * (1 - alpha)))
    frame[region] = before[region]
    assert np.array_equal(frame, before)


def test_a_frame_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="is not within"):
        PICTURE.blend(np.zeros((20, 50, 3), np.uint8))
