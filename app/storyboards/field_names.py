"""A field as the planner or a voice names it comes in; the field as the client sent it goes out."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import Final, TypeVar

from app.errors import InvalidRequest, NotSupported, PayloadTooLarge
from app.plan.inputs import FIELD as INPUTS
from app.types.storyboard import SceneWish
from app.types.understood import PlanWarning

T = TypeVar("T")

_SCENES: Final = {
    "prompt": "prompt",
    "seconds": "seconds",
    "num_frames": "seconds",
    "frames": "seconds",
    "input_reference": "image",
    "image": "image",
    "narration": "narration",
    "caption": "caption",
}
"""Fields that a scene alone has, by the planner's name."""
_EITHER: Final = ("style", "tier", "seed", "fit", "transition")
"""Fields that a scene has where it says so, and the storyboard has for all others."""
_OTHER: Final = {"quality": "tier"}


def as_sent(param: str | None, scene: SceneWish, place: str) -> str | None:
    """The field by its name on the wire; `place` is "scenes[2]", or empty where the scene is the whole body."""
    inside = f"{place}." if place else ""
    if param is not None and param.startswith(INPUTS):
        return f"{inside}{param}"
    param = _OTHER.get(param or "", param)
    if param is None:
        return place or None
    if param in _SCENES:
        return f"{inside}{_SCENES[param]}"
    if param in _EITHER and getattr(scene, param) is not None:
        return f"{inside}{param}"
    return param


def place_of(number: int) -> str:
    """How scene `number`, from 1, is called as part of a list."""
    return f"scenes[{number - 1}]"


async def named(work: Awaitable[T], scene: SceneWish, place: str) -> T:
    """The same, with refusals under the names of the fields as sent."""
    try:
        return await work
    except (InvalidRequest, NotSupported, PayloadTooLarge) as error:
        raise renamed(error, scene, place) from error


def renamed(
    error: InvalidRequest | NotSupported | PayloadTooLarge, scene: SceneWish, place: str
) -> InvalidRequest | NotSupported | PayloadTooLarge:
    """The same refusal, naming the field as sent."""
    param = as_sent(error.param, scene, place)
    said = f"{place}: {error.message}" if place and param is not None and param.startswith(place) else error.message
    return type(error)(said, param, error.error_code)


def warned(warning: PlanWarning, scene: SceneWish, place: str) -> PlanWarning:
    """The same warning, about the field as sent."""
    return replace(warning, param=as_sent(warning.param, scene, place))
