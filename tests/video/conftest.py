"""Small videos to encode."""

from __future__ import annotations

import numpy as np
import pytest

from app.video.encode import Frames

COLOURS = ((222, 30, 36), (32, 92, 250), (255, 112, 190), (252, 226, 30), (30, 178, 66), (10, 10, 12), (248, 248, 248))


def flat(colour: tuple[int, int, int], frames: int = 2, height: int = 64, width: int = 64) -> Frames:
    return np.full((frames, height, width, 3), colour, np.uint8)


@pytest.fixture(scope="module")
def rolling() -> Frames:
    """17 x 128 x 128: a red disc that rolls to the right under a blue sky."""
    frames = flat((146, 206, 242), 17, 128, 128)
    y, x = np.mgrid[:128, :128]
    for number, picture in enumerate(frames):
        picture[(x - 20 - 5 * number) ** 2 + (y - 64) ** 2 < 400] = COLOURS[0]
    return frames
