"""An aspect ratio and a resolution, as other services name a size, come in; the model's size that is meant goes out."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from app.errors import InvalidRequest
from app.types import ModelProfile

NEAR: Final = 0.06
"""How far a side or a ratio may be off, as a share: 832x480 is called 16:9 and 480p, 1280x704 720p."""

_NEAR_LOG: Final = math.log(1 + NEAR)

NAMED_SIDES: Final = {"sd": 480, "hd": 720, "fhd": 1080, "fullhd": 1080, "2k": 1440, "qhd": 1440, "4k": 2160}
NAMED_RATIOS: Final = {"landscape": "16:9", "portrait": "9:16", "square": "1:1"}
FREE: Final = ("", "auto", "adaptive", "default")
"""Words for: as the model likes it."""

_RATIO = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,3})?)\s*[:/xX*]\s*([0-9]{1,5}(?:\.[0-9]{1,3})?)")
_SIDE = re.compile(r"([0-9]{2,5})\s*[pP]?")
_SIZE = re.compile(r"([0-9]{2,5})\s*[xX*]\s*([0-9]{2,5})")

Size = tuple[int, int]


def of_form(ratio: str | None, resolution: str | None, sizes: Sequence[Size], model: ModelProfile) -> Size:
    """The one of `sizes`, (width, height), that is nearest to the ratio and then to the resolution, its shorter side.

    Raises:
        InvalidRequest: neither is such a thing, or none of the sizes is within 6 % of it; says what there is.
    """
    shape, side = _ratio(ratio or ""), _resolution(resolution or "")
    left = [size for size in sizes if _off_side(size, side) <= _NEAR_LOG]
    if not left:
        raise _not_made("resolution", resolution, sizes, model)
    left = [size for size in left if _off_ratio(size, shape) <= _NEAR_LOG]
    if not left:
        raise _not_made("aspect_ratio", ratio, sizes, model)
    return min(left, key=lambda size: (round(_off_ratio(size, shape), 9), round(_off_side(size, side), 9)))


def _off_ratio(size: Size, shape: float | None) -> float:
    return 0.0 if shape is None else abs(math.log(size[0] / size[1] / shape))


def _off_side(size: Size, side: int | Size | None) -> float:
    """By the shorter side, or by the pixels of a frame of 16:9 with it: the square of 720p is 960x960."""
    if not isinstance(side, int):
        return 0.0 if side in (None, size) else math.inf
    by_area = math.log(size[0] * size[1] / (side * side * 16 / 9)) / 2
    return min(abs(math.log(min(size) / side)), abs(by_area))


def _ratio(text: str) -> float | None:
    """Width to height. Raises InvalidRequest."""
    word = text.strip().lower()
    if word in FREE:
        return None
    found = _RATIO.fullmatch(NAMED_RATIOS.get(word, word))
    if found is None or not all(float(side) > 0 for side in found.groups()):
        raise InvalidRequest("aspect_ratio must be like 16:9, or landscape, portrait, square.", "aspect_ratio")
    return float(found[1]) / float(found[2])


def _resolution(text: str) -> int | Size | None:
    """The shorter side, or a whole size. Raises InvalidRequest."""
    word = text.strip().lower()
    if word in FREE:
        return None
    if (whole := _SIZE.fullmatch(word)) is not None:
        return int(whole[1]), int(whole[2])
    found = _SIDE.fullmatch(str(NAMED_SIDES.get(word, word)))
    if found is None or not int(found[1]):
        raise InvalidRequest("resolution must be like 720p, the shorter side, or WIDTHxHEIGHT.", "resolution")
    return int(found[1])


def _not_made(name: str, asked: str | None, sizes: Sequence[Size], model: ModelProfile) -> InvalidRequest:
    made = ", ".join(f"{width}x{height}" for width, height in sizes)
    message = f"{model.id} has no size of {name} {str(asked)[:40]!r} here; it makes {made}."
    return InvalidRequest(message, name, "unsupported_size")
