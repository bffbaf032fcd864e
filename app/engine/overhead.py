"""What jobs take beside their steps, learned from those that ended: predictions are right only with it."""

from __future__ import annotations

from collections.abc import Mapping

_WEIGHT = 0.2  # of a new job in the running means
_ELSEWHERE = ("queue", "denoise")  # stages that are the line's and the steps'
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

    def learn(self, shape: str, attempt_s: float, stages_s: Mapping[str, float]) -> None:
        """Take in a job that ended: its shape, its attempt's seconds from start to end, and its stages."""
        beside = max(0.0, attempt_s - sum(stages_s.get(name, 0.0) for name in _ELSEWHERE))
        device = sum(stages_s.get(name, 0.0) for name in _ON_DEVICE)
        first = not self.seconds
        self.seconds = beside if first else _moved(self.seconds, beside)
        self.device_seconds = device if first else _moved(self.device_seconds, device)
        self.by_shape[shape] = _moved(self.by_shape.get(shape, beside), beside)
        self.device_by_shape[shape] = _moved(self.device_by_shape.get(shape, device), device)

    def of(self, shape: str) -> float:
        """Seconds of a shape, of all jobs where none of it has ended; 0 until known."""
        return self.by_shape.get(shape, self.seconds)


def _moved(mean: float, new: float) -> float:
    return mean + _WEIGHT * (new - mean)
