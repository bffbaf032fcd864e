"""Frames come in, pictures go out: the thumbnail, the spritesheet, stills, a glimpse of what is being made."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.video.encode import Frames

THUMBNAIL_SIDE: Final = 512
GLIMPSE_SIDE: Final = 256
TILE_SIDE: Final = 192
MOST_TILES: Final = 36


def thumbnail(frames: Frames) -> bytes:
    """The middle frame as WebP, no side longer than 512 pixels."""
    return poster(frames[len(frames) // 2])


def poster(frame: NDArray[np.uint8]) -> bytes:
    """One frame (H, W, 3) as the thumbnail."""
    return _saved(_fitted(frame, THUMBNAIL_SIDE), "WEBP", quality=90, method=2)


def stills(frame: NDArray[np.uint8]) -> dict[str, bytes]:
    """One frame (H, W, 3) in full size by format: png without loss, jpeg and webp with little."""
    image = Image.fromarray(np.ascontiguousarray(frame))
    return {
        "png": _saved(image, "PNG", compress_level=4),
        "jpeg": _saved(image, "JPEG", quality=95, subsampling=0),
        "webp": _saved(image, "WEBP", quality=95, method=2),
    }


def glimpse(frame: NDArray[np.uint8]) -> bytes:
    """One frame (h, w, 3) of an unfinished video as a small WebP, no side longer than 256 pixels."""
    return _saved(_fitted(frame, GLIMPSE_SIDE), "WEBP", quality=60, method=0)


def data_url(webp: bytes) -> str:
    """A WebP picture as an address that holds it."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode('ascii')}"


def spritesheet(frames: Frames) -> bytes:
    """All frames, or 36 spread evenly from first to last, as a JPEG grid read like a page; tiles at most 192 pixels."""
    return sheet([tile(frames[place]) for place in tile_places(len(frames))])


def tile_places(frames: int) -> tuple[int, ...]:
    """Which of so many frames a spritesheet shows."""
    return tuple(int(place) for place in np.linspace(0, frames - 1, min(frames, MOST_TILES)).round())


def tile(frame: NDArray[np.uint8]) -> Image.Image:
    """One frame (H, W, 3) in the size of a spritesheet."""
    return _fitted(frame, TILE_SIDE)


def sheet(tiles: Sequence[Image.Image]) -> bytes:
    """Tiles of one size as the spritesheet."""
    columns = math.ceil(math.sqrt(len(tiles)))
    width, height = tiles[0].size
    sheet = Image.new("RGB", (columns * width, math.ceil(len(tiles) / columns) * height))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * width, number // columns * height))
    return _saved(sheet, "JPEG", quality=88, subsampling=0)


def _fitted(picture: NDArray[np.uint8], side: int) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def _saved(image: Image.Image, kind: str, **wishes: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **wishes)
    return file.getvalue()
