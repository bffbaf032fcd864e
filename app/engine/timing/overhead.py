"""What jobs take beside their steps, learned from those that ended: predictions are right only with it."""

from __future__ import annotations

from collections.abc import Mapping

_AT_ONCE_S = 0.25  # from acceptance to lease, when nobody is ahead
_WEIGHT = 0.3  # of a new job in the running means
_ELSEWHERE = ("queue", "draft", "denoise")  # stages that are the line's and the steps'
_ON_DEVICE = ("encode", "decode")


class Overhead:
    """Running means of an attempt's seconds beside its steps, and of what of them is the device's; 0 until known.

    Those of all jobs, and of each shape ("FxHxW"): decoding and writing a video takes as long as the video is large.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.device_seconds = 0.0
        self.by_shape: dict[str, float] = {}
        self.device_by_shape: dict[str, float] = {}

    def learn(self, shape: str, took_s: float, stages_s: Mapping[str, float]) -> None:
        """Take in a job that ended at its first attempt: its shape, its seconds but those in the line, its stages."""
        beside = max(0.0, took_s - sum(stages_s.get(name, 0.0) for name in _ELSEWHERE))
        device = sum(stages_s.get(name, 0.0) for name in _ON_DEVICE)
        first = not self.seconds
        self.seconds = beside if first else _moved(self.seconds, beside)
        self.device_seconds = device if first else _moved(self.device_seconds, device)
        self.by_shape[shape] = _moved(self.by_shape.get(shape, beside), beside)
        self.device_by_shape[shape] = _moved(self.device_by_shape.get(shape, device), device)

    def of(self, shape: str) -> float:
        """Seconds of a shape, of all jobs where none of it has ended; 0 until known."""
        return self.by_shape.get(shape, self.seconds)


def own_time_began(created_at: float, started_at: float | None) -> float:
    """When a job's own time begins: as it is accepted, hand-overs and all, or, if it waited in the line, after that."""
    if started_at is None or started_at - created_at < _AT_ONCE_S:
        return created_at
    return started_at


def _moved(mean: float, new: float) -> float:
    return mean + _WEIGHT * (new - mean)
