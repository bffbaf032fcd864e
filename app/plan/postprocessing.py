"""The rate and enlargement as asked come in; what the model is to make, and what becomes of it then, goes out; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

from app.errors import InvalidRequest, UnsupportedParameter
from app.plan.shape import shape
from app.types import (
    FLOW,
    MODEL,
    OFF,
    UPSCALES,
    ModelProfile,
    Plan,
    PlanWarning,
    Postprocessing,
    VideoRequest,
    VideoSpec,
)

MOST_TIMES: Final = 4
"""So many frames are shown at most for one that was made."""

_HALF_FRAME = Fraction(1, 2) + Fraction(1, 10**9)  # a video may play half a frame shorter than asked
# Seconds of one core, measured on a slow one: python -m benchmarks interpolation, upscaling.
PAIR_S: Final = 0.7  # for each megapixel of a pair of frames: the flow there and back
FRAME_S: Final = 0.4  # for each megapixel of a frame between them
LANCZOS_S: Final = 0.03  # for each megapixel that comes out
ENCODE_S: Final = 0.12  # for each megapixel more that is encoded
OWN_S: Final = 0.45  # the built-in model's own network, of a megapixel that comes out
MODEL_S: Final = 4.0  # the operator's models: of a megapixel that comes out; not known, so rather much


@dataclass(frozen=True, slots=True)
class PostprocessingLimits:
    """What the operator has set: the digests of own models, and how large files may be, in pixels."""

    interpolation: str = ""  # empty: there is none
    upscaling: Mapping[int, str] = field(default_factory=dict)
    picture: float = 9e6
    video: float = 4e9

    @property
    def methods(self) -> tuple[str, ...]:
        """What may be asked of `interpolate`."""
        return (OFF, FLOW, MODEL) if self.interpolation else (OFF, FLOW)


def most_fps(model: ModelProfile) -> int:
    """The fastest rate that a video of that model may be asked for."""
    return model.fps[1] if model.pictures_only else max(model.fps[1], MOST_TIMES * model.default_fps)


def postprocessed(
    request: VideoRequest, model: ModelProfile, limits: PostprocessingLimits
) -> tuple[VideoSpec, Postprocessing | None]:
    """The shape that the model makes, and what becomes of it; None: it is shown as it is made.

    A rate above the model's own is interpolated, so that the video plays as long and moves as fast as at its own: the
    clip has just as many frames as were asked for, or as the seconds have, and the model makes those around them.

    Raises:
        InvalidRequest: the model makes no such size, rate or length, or more pixels than the operator allows.
        UnsupportedParameter: a method that is not set up here.
    """
    method, upscale = _method(request, model, limits), _upscale(request, model)
    if upscale > 1 and request.upscale is None and request.width is not None and request.height is not None:
        request = replace(request, width=request.width // upscale, height=request.height // upscale)
    if method == OFF or model.pictures_only or request.frames == 1:
        made = shape(request, model)
        frames, fps, method = made.frames, made.fps, OFF
    else:
        made, frames, fps = _between(request, model)
        method = method if fps > made.fps else OFF
        made = made if method != OFF else shape(request, model)
    if method == OFF and upscale == 1:
        return made, None
    if method == OFF:
        frames, fps = made.frames, made.fps
    own = model.upscaler if upscale > 1 else ""
    marks = (limits.interpolation if method == MODEL else "", limits.upscaling.get(upscale, own))
    found = Postprocessing(frames, fps, method, upscale, *marks)
    return made, replace(found, seconds=seconds_of(made, found, model))


def check_pixels(plan: Plan, limits: PostprocessingLimits) -> None:
    """Refuse a file larger than is allowed, before anything of it is made. Raises InvalidRequest."""
    more, whole = plan.postprocessing, plan.whole
    if more is None:
        return
    name = "upscale" if more.upscale > 1 else "fps"
    pixels = whole.width * whole.height
    if more.upscale > 1 and pixels > limits.picture:
        message = f"{whole.size} has more than the {limits.picture / 1e6:g} megapixels that a picture may have here."
        raise InvalidRequest(message, name, "unsupported_size")
    if pixels * whole.frames > limits.video:
        message = (
            f"{whole.frames} frames of {whole.size} have more than the {limits.video / 1e6:g} megapixels that a video "
            f"may have here."
        )
        raise InvalidRequest(message, name, "unsupported_size")


def seconds_of(made: VideoSpec, more: Postprocessing, model: ModelProfile) -> float:
    """What it takes beside making the frames and encoding them as they are."""
    one = made.width * made.height / 1e6
    between = max(0, more.frames - made.frames)
    out = one * more.upscale**2
    flow = {OFF: 0.0, FLOW: PAIR_S * one * made.frames + FRAME_S * one * between, MODEL: MODEL_S * one * between}
    larger = 0.0 if more.upscale == 1 else _upscaling_s(more, model) * out * more.frames
    encoded = ENCODE_S * max(0.0, out * more.frames - one * made.frames)
    return round(flow[more.interpolate] + larger + encoded, 3)


def about_postprocessing(request: VideoRequest, plan: Plan) -> Iterator[PlanWarning]:
    """A warning where interpolation was asked for and there is nothing to interpolate."""
    made_as_shown = plan.postprocessing is None or plan.postprocessing.interpolate == OFF
    if request.interpolate not in (None, OFF) and made_as_shown:
        told = f"{plan.model} makes {plan.spec.fps} frames a second itself, so that none are to be put between them."
        yield PlanWarning("no_effect", told, "interpolate")


def said_of_frames(made: VideoSpec, more: Postprocessing, own: str = "") -> Iterator[str]:
    """What becomes of the frames, for people; `own` is the digest of the model's own upscaler."""
    if more.interpolate != OFF:
        how = "the operator's model" if more.interpolate == MODEL else "optical flow"
        yield f"{made.frames} frames at {made.fps} a second become {more.frames} at {more.fps} by {how}."
    if more.upscale > 1:
        how = "the operator's model" if more.upscale_mark else "Lanczos' filter"
        how = "the model's own upscaler" if own and more.upscale_mark == own else how
        yield f"Pictures of {made.size} are enlarged {more.upscale} times by {how}."


def _method(request: VideoRequest, model: ModelProfile, limits: PostprocessingLimits) -> str:
    """off, flow or model. Raises InvalidRequest, UnsupportedParameter."""
    asked = request.interpolate
    if asked == MODEL and not limits.interpolation:
        message = "This server has no interpolation model: ask for flow, or have its operator set interpolation_model."
        raise UnsupportedParameter(message, "interpolate")
    if asked is not None:
        return asked
    above = request.fps is not None and request.fps > (model.fps[1] if model.hears_fps else model.default_fps)
    return FLOW if above else OFF


def _upscale(request: VideoRequest, model: ModelProfile) -> int:
    """As asked; else what a size of twice or four times the model's own needs; without a size the model's usual."""
    if request.upscale not in (None, *UPSCALES):
        raise InvalidRequest(f"upscale is one of {', '.join(map(str, UPSCALES))}.", "upscale")
    if request.upscale is not None:
        return request.upscale
    if request.width is None and request.height is None:
        return model.upscale
    larger = (factor for factor in UPSCALES[1:] if model.upscaler and _is_size(request, model, factor))
    return 1 if _is_size(request, model, 1) else next(larger, 1)


def _is_size(request: VideoRequest, model: ModelProfile, factor: int) -> bool:
    return (request.width, request.height) in [(factor * width, factor * height) for width, height in model.sizes]


def _upscaling_s(more: Postprocessing, model: ModelProfile) -> float:
    """Seconds for each megapixel that comes out."""
    if not more.upscale_mark:
        return LANCZOS_S
    return OWN_S if more.upscale_mark == model.upscaler else MODEL_S


def _between(request: VideoRequest, model: ModelProfile) -> tuple[VideoSpec, int, int]:
    """What is made, and the frames and the rate that are shown of it. Raises InvalidRequest."""
    fps = request.fps or min(2 * model.default_fps, most_fps(model))
    if fps > most_fps(model):
        message = f"{model.id} makes {model.default_fps} frames per second; interpolated it may be {most_fps(model)}."
        raise InvalidRequest(message, "fps", "unsupported_fps")
    if fps < model.fps[0]:
        shape(request, model)  # refuses it
    asked = request.frames and model.default_frames  # which comes before seconds
    plain = shape(replace(request, fps=None, frames=asked), model)  # refuses the sizes and seconds that cannot be
    if request.frames is None and request.seconds is None:
        own = min(model.default_fps, fps)
        made = replace(plain, fps=own)
        return made, math.floor((made.frames - 1) * Fraction(fps, own)) + 1, fps
    frames = request.frames if request.frames is not None else _needed(request, fps)
    return replace(plain, **_made(frames, fps, request, model)), frames, fps


def _needed(request: VideoRequest, fps: int) -> int:
    """The frames that the seconds have at that rate, with the one of an extension that is there already."""
    assert request.seconds is not None
    return max(1, math.ceil(Fraction(request.seconds) * fps - _HALF_FRAME)) + (request.extends is not None)


def _made(frames: int, fps: int, request: VideoRequest, model: ModelProfile) -> dict[str, int]:
    """The fastest rate up to the model's own whose frames reach so far: the last of them is held for one at most."""
    for own in range(min(model.default_fps, fps), model.fps[0] - 1, -1):
        if fps > MOST_TIMES * own:
            break
        past_last, held = math.ceil(Fraction((frames - 1) * own, fps)) + 1, math.ceil(Fraction(frames * own, fps))
        for count in (past_last, held):
            legal = [each for each in model.frames if each >= max(count, min(2, frames))]
            if legal:
                return {"frames": legal[0], "fps": own}
    slowest = max(model.fps[0], -(-fps // MOST_TIMES))
    longest = model.frames[-1] * fps // min(slowest, model.default_fps)
    name, message = (
        ("frames", f"{model.id} makes up to {longest} frames at {fps} a second, interpolated.")
        if request.frames is not None
        else ("seconds", f"{model.id} makes videos of up to {longest / fps:.2f} seconds at {fps} frames per second.")
    )
    raise InvalidRequest(message, name, "unsupported_length")
