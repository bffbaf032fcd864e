"""A shape and a number of evaluations come in, the predicted seconds, device seconds, money and energy go out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.types import Estimate, ModelProfile, ReplicaInfo, VideoSpec


@dataclass(frozen=True, slots=True)
class Pace:
    """What replicas of a model have measured of themselves; what they have not is taken from the model's profile."""

    step_s: float | None = None  # of a guided step at the default shape
    step_times: Mapping[str, float] = field(default_factory=dict)  # the same by shape
    overhead_s: float | None = None
    device_overhead_s: float | None = None
    overheads: Mapping[str, float] = field(default_factory=dict)  # both by shape
    device_overheads: Mapping[str, float] = field(default_factory=dict)
    watts: float | None = None


UNKNOWN = Pace()


def pace_of(replicas: Sequence[ReplicaInfo]) -> Pace:
    """The mean over the replicas of one model, each figure over those that know it."""
    return Pace(
        step_s=_mean([each.step_s or None for each in replicas]),
        step_times=_means([each.step_times for each in replicas]),
        overhead_s=_mean([each.overhead_s or None for each in replicas]),
        device_overhead_s=_mean([each.device_overhead_s or None for each in replicas]),
        overheads=_means([each.overheads for each in replicas]),
        device_overheads=_means([each.device_overheads for each in replicas]),
        watts=_mean([each.watts for each in replicas]),
    )


def _means(tables: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By shape, each over the replicas that know it."""
    shapes = sorted({shape for table in tables for shape in table})
    means = {shape: _mean([table.get(shape) for table in tables]) for shape in shapes}
    return {shape: mean for shape, mean in means.items() if mean is not None}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def shape_key(spec: VideoSpec) -> str:
    """A shape as replicas name it: "FxHxW"; of a plan, that of `Plan.stepped`."""
    return f"{spec.frames}x{spec.height}x{spec.width}"


def estimate(
    model: ModelProfile,
    spec: VideoSpec,
    evaluations: float,
    pace: Pace,
    price_per_device_hour: float | None,
    device_watts: float | None = None,
    stages: Sequence[tuple[VideoSpec, float]] = (),
) -> Estimate:
    """What a job takes on an idle replica. `stages`: shape and evaluations of each, where it is made in several.

    A shape that no replica has stepped yet is scaled from the default one by pixels x frames. Money is in the unit of
    the price per hour of device time, None without one; energy in watt-hours by the power that replicas read, else by
    `device_watts`, else None.
    """
    walks = stages or ((spec, evaluations),)
    step_seconds = sum(count * _step_s(model, shape, pace) for shape, count in walks)
    shape, beside_s = shape_key(spec), model.overhead_s if pace.overhead_s is None else pace.overhead_s
    seconds = step_seconds + pace.overheads.get(shape, beside_s)
    device_seconds = step_seconds + pace.device_overheads.get(shape, pace.device_overhead_s or 0.0)
    cost = None if price_per_device_hour is None else device_seconds / 3600.0 * price_per_device_hour
    watts = device_watts if pace.watts is None else pace.watts
    energy_wh = None if watts is None else device_seconds / 3600.0 * watts
    return Estimate(step_seconds, seconds, cost, device_seconds, energy_wh)


def _step_s(model: ModelProfile, spec: VideoSpec, pace: Pace) -> float:
    known = pace.step_times.get(shape_key(spec))
    if known is not None and known > 0.0:
        return known
    width, height = model.sizes[0]
    scale = spec.width * spec.height * spec.frames / (width * height * model.default_frames)
    return (pace.step_s if pace.step_s and pace.step_s > 0.0 else model.step_s) * scale
