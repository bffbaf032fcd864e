"""How long whole jobs take: a line through those that ended lately, what each evaluation takes and what the start."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median

_LAST = 7  # jobs whose median is gone by
_FADE = 0.9  # of a job's weight, when the next has ended
_HOLD = 25.0  # evaluations², as the spread of the jobs' lengths: how firmly the slope is held to the steps' own time


@dataclass(slots=True)
class Line:
    """Seconds of denoising against evaluations, by least squares with fading weights, of jobs of one shape.

    Short jobs take more for each evaluation than long ones: the first has to set up what all share. Where all jobs are
    as long, nothing is known of the slope, and the time that single steps were seen to take stands for it. The line is
    then moved to the median of the last jobs, which one that something has disturbed does not sway.
    """

    weight: float = 0.0
    x: float = 0.0  # sums over the jobs: evaluations, seconds, and their products
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    last: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=_LAST))

    def learn(self, evaluations: int, seconds: float) -> None:
        """Take in a job that had the device to itself from noise to its last step."""
        for name, new in (
            ("weight", 1.0),
            ("x", evaluations),
            ("y", seconds),
            ("xx", evaluations**2),
            ("xy", evaluations * seconds),
        ):
            setattr(self, name, _FADE * getattr(self, name) + new)
        self.last.append((evaluations, seconds))

    def fit(self, step_s: float) -> tuple[float, float]:
        """Seconds before the first evaluation, and for each; neither below 0. `step_s`: what steps take, 0 unknown.

        Raises:
            ZeroDivisionError: no job has been learned.
        """
        mean_x, mean_y = self.x / self.weight, self.y / self.weight
        steep = step_s or mean_y / mean_x
        spread, both = self.xx / self.weight - mean_x**2, self.xy / self.weight - mean_x * mean_y
        each = max(0.0, (both + _HOLD * steep) / (spread + _HOLD))
        begin = mean_y - each * mean_x
        if begin < 0.0:
            begin, each = 0.0, mean_y / mean_x
        moved = median(seconds / (begin + each * evaluations) for evaluations, seconds in self.last)
        return moved * begin, moved * each
