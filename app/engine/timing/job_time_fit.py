"""How long whole jobs take: a line through those that ended lately, what each evaluation takes and what the start."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median

_LAST = 7  # jobs whose median is gone by
_FADE = 0.9  # of a job's weight, when the next has ended
_HOLD = 25.0  # evaluations², as the spread of the jobs' lengths: how firmly the slope is held to the steps' own time


@dataclass(slots=True)
class JobTimeFit:
    """Seconds of denoising against evaluations, by least squares with fading weights, of jobs of one shape.

    Short jobs take more for each evaluation than long ones: the first has to set up what all share. Where all jobs are
    as long, nothing is known of the slope, and the time that single steps were seen to take stands for it. The line is
    then moved to the median of the last jobs, which one that something has disturbed does not sway.
    """

    sums: tuple[float, ...] = (0.0,) * 5  # over the jobs: 1, evaluations x, seconds y, x², x·y
    last: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_LAST))

    def learn(self, evaluations: float, seconds: float) -> None:
        """Take in a job that had the device to itself from noise to its last step."""
        new = (1.0, evaluations, seconds, evaluations**2, evaluations * seconds)
        self.sums = tuple(_FADE * old + one for old, one in zip(self.sums, new, strict=True))
        self.last.append((evaluations, seconds))

    def fit(self, step_s: float) -> tuple[float, float]:
        """Seconds before the first evaluation, and for each; neither below 0. `step_s`: what steps take, 0 unknown.

        Raises:
            ZeroDivisionError: no job has been learned.
        """
        weight, *sums = self.sums
        mean_x, mean_y, mean_xx, mean_xy = (each / weight for each in sums)
        steep = step_s or mean_y / mean_x
        spread, both = mean_xx - mean_x**2, mean_xy - mean_x * mean_y
        each = max(0.0, (both + _HOLD * steep) / (spread + _HOLD))
        begin = mean_y - each * mean_x
        if begin < 0.0:
            begin, each = 0.0, mean_y / mean_x
        moved = median(seconds / (begin + each * evaluations) for evaluations, seconds in self.last)
        return moved * begin, moved * each
