"""Is a picture one of the built-in world's? Told from its pixels before a job is accepted, without torch."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.embedded.world import vocabulary as words

Pixels = NDArray[np.uint8]  # (H, W, 3)

STRANGE: Final = 0.05
"""Share of pixels that no plain ground and coloured shape explain, beyond which a picture is not of the world."""

_NEAR = 40.0  # sRGB levels (Euclidean) within which a pixel has a colour, or lies between ground and colour
_GROUND_NEAR = 60.0  # the same for a ground and the nearest that the model was taught
_LEAST_SHARE = 0.004  # of the picture: fewer pixels of a colour are nobody
_MOST_GROUND = 0.985  # more than this and there is nobody in front of it


def unexplained(picture: Pixels) -> float:
    """The share, 0..1, of pixels that are neither the ground nor a palette colour nor a soft edge between the two.

    The ground is the commonest colour: of a drawing it fills most of the picture, of a photograph nothing does.
    """
    pixels = picture.reshape(-1, 3).astype(np.float32)
    ground = _commonest(pixels)
    best = np.linalg.norm(pixels - ground, axis=1)
    for shade in words.COLOURS.values():
        way = np.array(shade, np.float32) - ground
        length = float(way @ way)
        if length > 0:
            share = np.clip((pixels - ground) @ way / length, 0, 1)
            best = np.minimum(best, np.linalg.norm(pixels - ground - share[:, None] * way, axis=1))
    return float((best > _NEAR).mean())


def about(picture: Pixels) -> str:
    """What of a picture is not of the world, in words that go on from "the picture"; "" where nothing is."""
    strange = unexplained(picture)
    pixels = picture.reshape(-1, 3).astype(np.float32)
    ground = _commonest(pixels)
    plain = float((np.linalg.norm(pixels - ground, axis=1) <= _NEAR).mean())
    if strange > STRANGE or plain < 0.25:
        told = max(strange, 1 - plain if plain < 0.25 else 0.0)
        return f"is not of its world: {told:.0%} of it is neither a plain ground nor one of its colours"
    nearest = min(float(np.linalg.norm(ground - np.array(shade, np.float32))) for shade in words.GROUNDS.values())
    if nearest > _GROUND_NEAR:
        return "has a ground that the model was never shown"
    if plain > _MOST_GROUND + (1 - _MOST_GROUND) * (1 - _LEAST_SHARE):
        return "shows nobody in front of its ground"
    return ""


def _commonest(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the pixels (n, 3) in the fullest box of 32 levels a side."""
    boxes = (pixels // 32).astype(np.int64) @ np.array([64, 8, 1])
    fullest = np.bincount(boxes).argmax()
    shade: NDArray[np.float32] = pixels[boxes == fullest].mean(0, dtype=np.float32)
    return shade
