"""Pictures whose subject is known to the pixel: scenes of the built-in world, on rougher grounds too, and people."""

from __future__ import annotations

from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from app.embedded.world import vocabulary
from app.embedded.world.scenes import draw_asks, place
from app.embedded.world.world import Scene, render
from app.video.subjects.finder import Pixels

Truth = NDArray[np.bool_]
GROUNDS = ("flat", "gradient", "grain")


def scenes(count: int, side: int, ground: str = "flat", seed: int = 1) -> list[tuple[Pixels, Truth]]:
    """First frames of drawn scenes, and where their subjects are: covered by half or more."""
    placed = place(draw_asks(count, 0.4, Random(seed)), seed)
    frames = render(placed, side, 1)[:, 0].numpy()
    lots = np.random.default_rng(seed)
    return [_on(ground, frame, _share(scene, frame), scene, lots) for scene, frame in zip(placed, frames, strict=True)]


def _share(scene: Scene, frame: Pixels) -> NDArray[np.float32]:
    """How much of each pixel is a subject's: it is a blend of its colour and the ground's."""
    ground = np.asarray(vocabulary.GROUNDS[scene.ground], np.float32)
    share = np.zeros(frame.shape[:2], np.float32)
    for subject in scene.subjects:
        way = np.asarray(vocabulary.COLOURS[subject.colour], np.float32) - ground
        off = frame.astype(np.float32) - ground
        along = (off @ way) / (way @ way)
        is_blend = np.abs(off - along[..., None] * way).max(-1) < 3
        share = np.maximum(share, np.where(is_blend, along, (np.abs(off).max(-1) > 3).astype(np.float32)))
    return np.clip(share, 0, 1)


def _on(
    ground: str, frame: Pixels, share: NDArray[np.float32], scene: Scene, lots: np.random.Generator
) -> tuple[Pixels, Truth]:
    if ground == "flat":
        return frame, share > 0.5
    height, width = share.shape
    rough = np.full((height, width, 3), vocabulary.GROUNDS[scene.ground], np.float32)
    if ground == "gradient":
        rough += np.linspace(-25, 25, width, dtype=np.float32)[None, :, None]
    else:
        rough += lots.normal(0, 8, rough.shape).astype(np.float32)
    subject = frame.astype(np.float32)
    seen = subject + (rough - np.asarray(vocabulary.GROUNDS[scene.ground], np.float32)) * (1 - share[..., None])
    return np.clip(seen + 0.5, 0, 255).astype(np.uint8), share > 0.5


def person(width: int = 192, height: int = 256, tall: int = 200) -> tuple[Pixels, Truth]:
    """Somebody who stands in the middle, before a wall."""
    pixels, cover = np.full((height, width, 3), (150, 160, 170), np.uint8), np.zeros((height, width), np.uint8)
    unit, top = tall / 8, (height - tall) / 2

    def at(x: float, y: float) -> tuple[int, int]:
        return int(width / 2 + x * unit), int(top + y * unit)

    for canvas, skin, coat, trousers in (
        (pixels, (200, 150, 120), (40, 50, 90), (30, 30, 40)),
        (cover, (255,), (255,), (255,)),
    ):
        cv2.ellipse(canvas, at(0, 0.55), (int(0.42 * unit), int(0.55 * unit)), 0, 0, 360, skin, -1)
        cv2.rectangle(canvas, at(-0.2, 1), at(0.2, 1.4), skin, -1)
        cv2.fillConvexPoly(canvas, np.array([at(-1, 1.4), at(1, 1.4), at(0.7, 4), at(-0.7, 4)]), coat)
        for side in (-1, 1):
            cv2.line(canvas, at(0.95 * side, 1.6), at(1.15 * side, 4.2), coat, int(0.38 * unit))
            cv2.line(canvas, at(0.35 * side, 3.9), at(0.5 * side, 7.8), trousers, int(0.62 * unit))
    return pixels, cover > 0


def iou(cover: Pixels | None, truth: Truth) -> float:
    """Intersection over union; 0 where nothing was found."""
    if cover is None:
        return 0.0
    found = cover > 127
    return float((found & truth).sum() / (found | truth).sum())


def without_subject(side: int = 200) -> dict[str, Pixels]:
    """Pictures of nothing."""
    lots = np.random.default_rng(0)
    ramp = np.linspace(0, 255, side)[None, :, None].repeat(side, 0).repeat(3, 2)
    return {
        "flat": np.full((side, side, 3), 90, np.uint8),
        "noise": lots.integers(0, 256, (side, side, 3)).astype(np.uint8),
        "gradient": ramp.astype(np.uint8),
        "grain": np.clip(lots.normal(120, 12, (side, side, 3)), 0, 255).astype(np.uint8),
        "narrow": np.full((16, 900, 3), 200, np.uint8),
    }
