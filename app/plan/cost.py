"""A shape and a number of evaluations come in, the predicted seconds, step-seconds and money go out."""

from __future__ import annotations

from app.types import Estimate, ModelProfile, VideoSpec


def estimate(
    model: ModelProfile, spec: VideoSpec, evaluations: float, step_s: float | None, price_per_device_hour: float | None
) -> Estimate:
    """What a job takes on an idle replica.

    `step_s` is the measured time of one guided step at the model's default shape, None until a replica has measured
    it; other shapes are scaled by pixels x frames. Money is in the unit of the price, None without one.
    """
    width, height = model.sizes[0]
    scale = spec.width * spec.height * spec.frames / (width * height * model.default_frames)
    step_seconds = evaluations * (step_s if step_s and step_s > 0.0 else model.step_s) * scale
    seconds = step_seconds + model.overhead_s
    cost = None if price_per_device_hour is None else seconds / 3600.0 * price_per_device_hour
    return Estimate(step_seconds, seconds, cost)
