"""Measured clips come in; the film's frames go out one after another, in time, in size, with their transitions.

Everything here is planes of BT.709 in limited range (uint8, (H * 3 / 2, W)), as clips have them and as they are
encoded: a frame that is not changed is not converted. Transitions mix these values, without undoing their transfer
function, as editors do by default; mixing them is the same as mixing R'G'B'.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.video.film.clips import Clip, decoded
from app.video.film.cutting import Order, brightness, overlaps
from app.video.film.script import FilmScript

Planes = NDArray[np.uint8]
Draw = Callable[[], Planes]
"""Makes a frame's planes, once they are asked for."""

_BLACK, _NO_COLOUR = 16, 128
_CUT_OFF: Final = 0.05
"""A picture of another shape covers the frame if no more than this of it is lost; else it stands within black bars."""


def even(side: int) -> int:
    """A side as it is encoded."""
    return side + side % 2


def film_pictures(script: FilmScript, clips: Sequence[Sequence[Clip]], orders: Sequence[Order]) -> Generator[Draw]:
    """Every frame of the film; each is to be drawn, if at all, before the next is taken.

    Raises:
        GenerationError: a clip is damaged; it names the scene.
    """
    before: Iterator[Draw] = iter(())
    for number, scene in enumerate(script.scenes):
        own = _scene_pictures(script, number, clips[number], orders[number])
        shared, given = overlaps(script, number)
        for frame in range(shared):
            yield _mixed(next(before), next(own), frame + 1, shared + 1)
        for frame in range(shared, scene.frames - given):
            yield _dimmed(next(own), *brightness(script, number, frame))
        before = own


def _scene_pictures(script: FilmScript, number: int, clips: Sequence[Clip], shown: Order) -> Iterator[Draw]:
    """What a scene shows in each of its frames, by itself."""
    width, height = even(script.width), even(script.height)
    pictures = _all_pictures(clips, number)
    at, picture = -1, None
    for wanted in shown:
        if wanted < at:
            pictures, at = _all_pictures(clips, number), -1
        while at < wanted:
            picture, at = next(pictures), at + 1
        yield _fitted_once(picture, width, height)


def _all_pictures(clips: Sequence[Clip], scene: int) -> Iterator[Any]:
    for clip in clips:
        yield from decoded(clip, scene)


def _fitted_once(picture: Any, width: int, height: int) -> Draw:
    return lambda: fitted(picture, width, height)


def _mixed(one: Draw, other: Draw, share: int, of: int) -> Draw:
    return lambda: mix(one(), other(), share, of)


def _dimmed(picture: Draw, light: int, of: int) -> Draw:
    return picture if light == of else lambda: dim(picture(), light, of)


def mix(one: Planes, other: Planes, share: int, of: int) -> Planes:
    """`share / of` of the other and the rest of the one, rounded."""
    mixed = one * np.uint32(of - share)
    mixed += other * np.uint32(share)
    mixed += np.uint32(of // 2)
    mixed //= np.uint32(of)
    rounded: Planes = mixed.astype(np.uint8)
    return rounded


def dim(picture: Planes, light: int, of: int) -> Planes:
    """`light / of` of a picture, the rest black."""
    return mix(black(picture.shape[1], picture.shape[0] * 2 // 3), picture, light, of)


def black(width: int, height: int) -> Planes:
    """A black picture."""
    planes = np.full((height * 3 // 2, width), _NO_COLOUR, np.uint8)
    planes[:height] = _BLACK
    return planes


def fitted(picture: Any, width: int, height: int) -> Planes:
    """A decoded picture (av.VideoFrame) in an even size, as its shape has it: covering the frame, or within bars."""
    if (picture.width, picture.height, picture.format.name) == (width, height, "yuv420p") and picture.color_range != 2:
        return _planes(picture)
    scales = width / picture.width, height / picture.height
    covers = min(scales) / max(scales) >= 1 - _CUT_OFF
    scale = max(scales) if covers else min(scales)
    sides = [even(max(1, round(side * scale))) for side in (picture.width, picture.height)]
    scaled = picture.reformat(
        *sides,
        format="yuv420p",
        dst_colorspace="ITU709",
        dst_color_range="MPEG",
        interpolation="LANCZOS",
    )
    return _placed(_planes(scaled), width, height)


def _planes(picture: Any) -> Planes:
    planes: Planes = picture.to_ndarray(format="yuv420p")
    return planes


def _placed(picture: Planes, width: int, height: int) -> Planes:
    """In the middle of a black frame; what reaches beyond it is cut off."""
    placed = black(width, height)
    if picture.shape == placed.shape:
        return picture
    for own, onto, per_pair in zip(split(picture), split(placed), (2, 1, 1), strict=True):
        (from_rows, to_rows), (from_columns, to_columns) = (
            _middle(own.shape[axis] // per_pair, onto.shape[axis] // per_pair, per_pair) for axis in (0, 1)
        )
        onto[to_rows, to_columns] = own[from_rows, from_columns]
    return placed


def _middle(own: int, onto: int, per_pair: int) -> tuple[slice, slice]:
    """From where to where; sides and what is left out beside them in pairs of pixels, so that colour stays in place."""
    least = min(own, onto)
    begins = (own - least) // 2, (onto - least) // 2
    first, second = (slice(begin * per_pair, (begin + least) * per_pair) for begin in begins)
    return first, second


def split(planes: Planes) -> tuple[Planes, Planes, Planes]:
    """Views of luma (H, W) and of both chroma planes (H / 2, W / 2)."""
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    flat, area = planes.reshape(-1), height * width
    chroma = flat[area:].reshape(2, height // 2, width // 2)
    return flat[:area].reshape(height, width), chroma[0], chroma[1]
