"""Size, seconds, frames and fps as asked come in, the VideoSpec that the model can make goes out."""

from __future__ import annotations

import math
from collections.abc import Iterator

from app.errors import InvalidRequest
from app.plan.aspect_ratio import of_form
from app.types import ModelProfile, PlanWarning, VideoRequest, VideoSpec

_ALIKE_S = 0.001  # what a video may be longer or shorter without a word
_FEW = 5  # frame counts that are named one by one
_HALF_FRAME = 0.5 + 1e-9  # a video may play half a frame shorter than asked


def shape(request: VideoRequest, model: ModelProfile) -> VideoSpec:
    """The shape of the video.

    Frames win over seconds x fps. Seconds without fps take the fastest rate, up to the model's default, at which the
    frames fit. The frame count is the smallest legal one that plays as long as asked, give or take half a frame.

    Raises:
        InvalidRequest: the model makes no such size, rate or length; the message says what it makes.
    """
    width, height = _size(request, model)
    _check_fps(request, model)
    _check_length(request, model)
    if request.frames is not None:
        return VideoSpec(width, height, _legal(request.frames, model), request.fps or model.default_fps)
    if request.seconds is None:
        return VideoSpec(width, height, model.default_frames, request.fps or model.default_fps)
    fps = request.fps or _rate(request.seconds, model)
    frames = _needed(request.seconds, fps) + (request.extends is not None)  # whose last frame is there already
    if frames > model.frames[-1]:
        raise _not_that_long(model, model.frames[-1] / fps, f" at {fps} frames per second")
    return VideoSpec(width, height, _legal(frames, model), fps)


def rounded(request: VideoRequest, model: ModelProfile, spec: VideoSpec) -> Iterator[PlanWarning]:
    """A warning where the video has another length than was asked for, and why."""
    if request.frames is not None:
        if spec.frames != request.frames:
            told = f"{request.frames} frames are made as {spec.frames}: {model.id} makes {_counts(model)}."
            yield PlanWarning("rounded", told, "num_frames")
    elif request.seconds is not None and abs(spec.seconds - request.seconds) > _ALIKE_S:
        told = (
            f"{request.seconds:.4g} s are made as {spec.seconds:.4g} s: {spec.frames} frames at {spec.fps} a second; "
            f"{model.id} makes {_counts(model)}."
        )
        yield PlanWarning("rounded", told, "seconds")


def _counts(model: ModelProfile) -> str:
    """The frame counts that the model makes, as people say them."""
    counts = model.frames
    if len(counts) <= _FEW:
        return f"{', '.join(map(str, counts))} frames"
    first, second, third, last = *counts[:3], counts[-1]
    if counts[1:] == tuple(range(second, last + 1, third - second)):
        return f"{first}, {second}, {third} and so on up to {last} frames"
    return f"{first} to {last} frames"


def _size(request: VideoRequest, model: ModelProfile) -> tuple[int, int]:
    """The first size of the model that is asked for, by sides, by aspect ratio and resolution, or by all of these."""
    fitting = [
        (width, height)
        for width, height in model.sizes
        if request.width in (None, width) and request.height in (None, height)
    ]
    if fitting and (request.aspect_ratio or request.resolution):
        return of_form(request.aspect_ratio, request.resolution, fitting, model)
    if fitting:
        return fitting[0]
    sizes = ", ".join(f"{width}x{height}" for width, height in model.sizes)
    message = f"{model.id} does not make videos of that size; it makes {sizes}."
    raise InvalidRequest(message, param="size", code="unsupported_size")


def _check_fps(request: VideoRequest, model: ModelProfile) -> None:
    slowest, fastest = model.fps
    if request.fps is not None and not slowest <= request.fps <= fastest:
        message = f"{model.id} makes {slowest} to {fastest} frames per second."
        raise InvalidRequest(message, param="fps", code="unsupported_fps")


def _check_length(request: VideoRequest, model: ModelProfile) -> None:
    """Refuse what no rate could make. Seconds must be sane even where frames win over them."""
    fewest, most = model.frames[0], model.frames[-1]
    if request.frames is not None and not fewest <= request.frames <= most:
        message = f"{model.id} makes {fewest} to {most} frames."
        raise InvalidRequest(message, param="frames", code="unsupported_length")
    if request.seconds is None:
        return
    if not 0.0 < request.seconds < math.inf:  # NaN falls out too
        raise _not_that_long(model, model.max_seconds)
    shortest_s, longest_s = (fewest - _HALF_FRAME) / model.fps[1], (most + _HALF_FRAME) / model.fps[0]
    if request.frames is None and not shortest_s <= request.seconds <= longest_s:
        raise _not_that_long(model, model.max_seconds)


def _not_that_long(model: ModelProfile, longest_s: float, where: str = "") -> InvalidRequest:
    shortest_s = model.frames[0] / model.fps[1]
    message = f"{model.id} makes videos of {shortest_s:.2f} to {longest_s:.2f} seconds{where}."
    return InvalidRequest(message, param="seconds", code="unsupported_length")


def _rate(seconds: float, model: ModelProfile) -> int:
    rates = range(model.default_fps, model.fps[0], -1)
    return next((fps for fps in rates if _needed(seconds, fps) <= model.frames[-1]), model.fps[0])


def _needed(seconds: float, fps: int) -> int:
    return max(1, math.ceil(seconds * fps - _HALF_FRAME))


def _legal(frames: int, model: ModelProfile) -> int:
    return next(count for count in model.frames if count >= frames)
