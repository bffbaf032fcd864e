"""A picture and the cover of its subject come in; the picture that a video begins with goes out, in its shape."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from app.types.prepare import BLUR, CONTAIN, KEEP, REMOVE, SUBJECT, Prepare
from app.video.subjects.finder import Pixels, box_of

MARGIN: Final = 0.12  # of the subject's longer side, around it
SOFT: Final = 0.02  # of the picture's longer side: how much the ground is blurred
BARS: Final = 0.06  # the same of what is beside a picture
WHITE: Final = (255, 255, 255)

Window = tuple[int, int, int, int]
"""x, y, width and height; it may reach beyond the picture."""


def prepared(pixels: Pixels, cover: Pixels | None, wish: Prepare, width: int, height: int) -> Pixels:
    """The picture with its ground as wished, cut to the shape of `width` to `height`; never enlarged.

    `cover` is needed where the wish is about a subject.
    """
    colour = colour_of(wish.background)
    if cover is not None and wish.background != KEEP:
        pixels = _on_ground(pixels, cover, colour)
    window = _window(pixels, cover, wish.crop, width / height)
    return _seen(pixels, window, colour)


def colour_of(background: str) -> tuple[int, int, int] | None:
    """The colour of the ground; None: it is the picture's own."""
    if background in (KEEP, BLUR):
        return None
    if background == REMOVE:
        return WHITE
    red, green, blue = (int(background[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def _on_ground(pixels: Pixels, cover: Pixels, colour: tuple[int, int, int] | None) -> Pixels:
    share = cover.astype(np.float32)[..., None] / 255
    ground = _blurred(pixels, cover) if colour is None else np.array(colour, np.float32)
    return np.asarray(pixels * share + ground * (1 - share) + 0.5, np.uint8)


def _blurred(pixels: Pixels, cover: Pixels) -> NDArray[np.float32]:
    """The ground out of focus; the subject's colours do not run into it."""
    sigma = max(1.0, SOFT * max(pixels.shape[:2]))
    ground = 1 - cover.astype(np.float32)[..., None] / 255
    light = np.asarray(cv2.GaussianBlur(pixels.astype(np.float32) * ground, (0, 0), sigma), np.float32)
    weight = np.asarray(cv2.GaussianBlur(ground, (0, 0), sigma), np.float32).reshape(*pixels.shape[:2], 1)
    return np.where(weight > 1e-3, light / np.maximum(weight, 1e-3), pixels).astype(np.float32)


def _window(pixels: Pixels, cover: Pixels | None, crop: str, shape: float) -> Window:
    """What of the picture is shown, in that shape (width / height)."""
    height, width = pixels.shape[:2]
    if crop == SUBJECT and cover is not None:
        x, y, across, down = box_of(cover)
        margin = MARGIN * max(across, down)
        wide, high = _around(across + 2 * margin, down + 2 * margin, shape)
        return _placed(x + across / 2, y + down / 2, wide, high, width, height)
    wide, high = _around(width, height, shape) if crop == CONTAIN else _within(width, height, shape)
    return _placed(width / 2, height / 2, wide, high, width, height)


def _around(width: float, height: float, shape: float) -> tuple[float, float]:
    return (width, width / shape) if width / height > shape else (height * shape, height)


def _within(width: float, height: float, shape: float) -> tuple[float, float]:
    return (height * shape, height) if width / height > shape else (width, width / shape)


def _placed(x: float, y: float, wide: float, high: float, width: int, height: int) -> Window:
    """About that middle, moved into the picture as far as it goes in."""
    across, down = max(1, round(wide)), max(1, round(high))
    left = min(max(0, x - across / 2), width - across) if across <= width else (width - across) / 2
    top = min(max(0, y - down / 2), height - down) if down <= height else (height - down) / 2
    return round(left), round(top), across, down


def _seen(pixels: Pixels, window: Window, colour: tuple[int, int, int] | None) -> Pixels:
    height, width = pixels.shape[:2]
    x, y, across, down = window
    inside = pixels[max(0, y) : min(height, y + down), max(0, x) : min(width, x + across)]
    if inside.shape[:2] == (down, across):
        return np.ascontiguousarray(inside)
    canvas = np.full((down, across, 3), colour, np.uint8) if colour else _bars(inside, across, down)
    left, top = max(0, -x), max(0, -y)
    canvas[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return canvas


def _bars(inside: Pixels, across: int, down: int) -> Pixels:
    """What stands beside a picture that has a ground of its own: itself, large and out of focus."""
    large = cv2.resize(inside, (across, down), interpolation=cv2.INTER_LINEAR)
    sigma = max(1.0, BARS * max(across, down))
    return np.asarray(cv2.GaussianBlur(large, (0, 0), sigma), np.uint8)
