from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from app.video.encode import Frames
from app.video.preview import spritesheet, thumbnail
from tests.video.conftest import COLOURS, flat


def test_the_thumbnail_is_the_middle_frame(rolling: Frames) -> None:
    image = Image.open(io.BytesIO(thumbnail(rolling)))
    assert (image.format, image.size) == ("WEBP", (128, 128))
    assert np.abs(np.asarray(image.convert("RGB")).astype(int) - rolling[8]).mean() < 6


def test_a_large_thumbnail_is_made_smaller() -> None:
    assert Image.open(io.BytesIO(thumbnail(flat(COLOURS[0], 1, 480, 832)))).size == (512, 295)


@pytest.mark.parametrize(("count", "size"), [(1, (64, 64)), (5, (192, 128)), (17, (320, 256)), (81, (384, 384))])
def test_the_spritesheet_is_a_grid_of_at_most_36_frames(count: int, size: tuple[int, int]) -> None:
    image = Image.open(io.BytesIO(spritesheet(flat(COLOURS[0], count))))
    assert (image.format, image.size) == ("JPEG", size)


def test_the_spritesheet_reads_like_a_page() -> None:
    frames = np.concatenate([flat(colour, 1) for colour in COLOURS[:4]])
    sheet = np.asarray(Image.open(io.BytesIO(spritesheet(frames)))).astype(int)
    corners = [sheet[32, 32], sheet[32, 96], sheet[96, 32], sheet[96, 96]]
    assert np.abs(np.array(corners) - np.array(COLOURS[:4])).max() <= 6
