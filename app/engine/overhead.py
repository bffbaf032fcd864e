"""What jobs take beside their steps, learned from those that ended: predictions are right only with it."""

from __future__ import annotations

from collections.abc import Mapping

_WEIGHT = 0.2  # of a new job in the running means
_ELSEWHERE = ("queue", "denoise")  # stages that are the line's and the steps'
_ON_DEVICE = ("encode", "decode")


class Overhead:
    """Running means of an attempt's seconds beside its steps, and of what of them is the device's; 0 until known."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.device_seconds = 0.0

    def learn(self, attempt_s: float, stages_s: Mapping[str, float]) -> None:
        """Take in a job that ended: its attempt's seconds from start to end, and its stages."""
        beside = max(0.0, attempt_s - sum(stages_s.get(name, 0.0) for name in _ELSEWHERE))
        device = sum(stages_s.get(name, 0.0) for name in _ON_DEVICE)
        weight = _WEIGHT if self.seconds else 1.0
        self.seconds += weight * (beside - self.seconds)
        self.device_seconds += weight * (device - self.device_seconds)
