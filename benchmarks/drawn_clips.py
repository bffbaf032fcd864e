"""Clips of the built-in world drawn at any rate and size: what frames in between and larger pictures are held to."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.embedded.world.scenes import draw_asks, place
from app.embedded.world.world import FRAMES, Scene, render

Clip = NDArray[np.uint8]
"""sRGB, (F, H, W, 3)."""

NOISE: float = 1 / 3
"""Squared error, in steps of 255, that is counted at least: what the conversion to Y'CbCr and back makes alone."""


def scenes(count: int, seed: int, still: bool = False) -> list[Scene]:
    """Scenes of combinations that nothing was trained on, one or two subjects each; of those that move, or all."""
    drawn = place(draw_asks(3 * count, 0.3, Random(seed), held_out=True), seed)
    moving = [scene for scene in drawn if still or any(each.motion != "still" for each in scene.subjects)]
    return moving[:count]


def drawn(scene: Scene, side: int, rate: int = 1, frames: int = FRAMES) -> Clip:
    """The clip at `rate` times 8 frames a second; `frames` are those at 8."""
    video: Clip = render([scene], side, (frames - 1) * rate + 1, rate)[0].numpy()
    return video


def psnr(made: NDArray[Any], truth: NDArray[Any], where: NDArray[np.bool_] | None = None) -> float:
    """In dB, over all pixels or those of a mask in the shape of the pixels."""
    error = (made.astype(np.float32) - truth) ** 2
    return 10 * math.log10(255**2 / max(NOISE, float((error if where is None else error[where]).mean())))


def mean(values: Sequence[float]) -> dict[str, float]:
    """The mean with the ends of its 95 % interval."""
    middle = statistics.fmean(values)
    reach = 1.96 * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return {"mean": round(middle, 2), "low": round(middle - reach, 2), "high": round(middle + reach, 2)}
