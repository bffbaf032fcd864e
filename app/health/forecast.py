"""Capacity forecast: minute samples come in, whether the line grows and when it is full goes out; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Literal

from app.health.samples import PoolSample, Sample

State = Literal["grows", "falls", "steady", "full"]

WINDOW_S = 630.0  # the last ten minutes, and half a minute for a writer that was late
FEWEST = 3  # samples
SHORTEST_S = 110.0  # between the first and the last of them
STALE_S = 180.0  # the last one is not older
FARTHEST_S = 86400.0  # what is farther off is not foreseen
STEADY_SHARE = 0.02  # a change of less than this part of the level in a minute is none
STEADY_LEAST = 0.5  # nor is one of less than this in a minute
AGREEMENT = 0.75  # of the pairs of samples must say the same direction


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the line is full: admission refuses what would wait longer, or come after so many."""

    wait_s: float
    jobs: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """Where the line is going. `pool`: the one that is meant, where it is not all of them together."""

    state: State
    sentence: str
    step_seconds: float  # in the line now
    growth: float  # step-seconds a second; below 0 it falls
    full_in_s: float | None = None
    empty_in_s: float | None = None
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class _Course:
    """A figure over time: its last value, and its change in a second (0: none that can be seen)."""

    now: float
    slope: float

    def reaches_in_s(self, limit: float) -> float | None:
        """Seconds until it is at `limit`, which it is not yet; None: not within a day."""
        away = limit - self.now
        if self.slope == 0 or (away > 0) != (self.slope > 0):
            return None
        seconds = away / self.slope
        return seconds if seconds <= FARTHEST_S else None


def forecast(samples: Sequence[Sample], limits: Limits, now: float) -> Forecast | None:
    """Where the line goes if the last ten minutes go on; None where there are too few samples to say.

    Slopes are Theil and Sen's: the median of those between any two samples, so that a single wave changes little.
    """
    seen = sorted((each for each in samples if 0 <= now - each.at <= WINDOW_S), key=lambda each: each.at)
    if len(seen) < FEWEST or seen[-1].at - seen[0].at < SHORTEST_S or now - seen[-1].at > STALE_S:
        return None
    pools = sorted({name for each in seen for name in each.pools})
    fullest = min(
        ((full_in_s, pool) for pool in pools if (full_in_s := _full_in_s(seen, pool, limits)) is not None),
        default=None,
    )
    by_jobs = _until(_course(seen, lambda each: each.waiting), limits.jobs)
    if fullest is not None and (by_jobs is None or fullest[0] <= by_jobs):
        full_in_s, pool = fullest
        alone = len(pools) == 1
        work = _course(seen, lambda each: each.step_seconds if alone else _pool(each, pool).step_seconds)
        return _told(work, full_in_s, None if alone else pool)
    return _told(_course(seen, lambda each: each.step_seconds), by_jobs, None)


def _full_in_s(seen: Sequence[Sample], pool: str, limits: Limits) -> float | None:
    return _until(_course(seen, lambda each: _pool(each, pool).wait_s), limits.wait_s)


def _until(course: _Course, limit: float) -> float | None:
    """Seconds until it has grown to `limit`; 0: it is there."""
    return 0.0 if course.now >= limit else course.reaches_in_s(limit)


def _pool(sample: Sample, pool: str) -> PoolSample:
    pools: Mapping[str, PoolSample] = sample.pools
    return pools.get(pool, PoolSample())


def _course(seen: Sequence[Sample], figure: Callable[[Sample], float]) -> _Course:
    points = [(each.at, float(figure(each))) for each in seen]
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 > x1]
    slope, last = median(slopes), points[-1][1]
    level = median(abs(value) for _, value in points)
    agree = sum(each * slope > 0 for each in slopes) / len(slopes)
    quiet = 60.0 * abs(slope) < max(STEADY_LEAST, STEADY_SHARE * level)
    return _Course(last, 0.0 if quiet or agree < AGREEMENT else slope)


def _told(work: _Course, full_in_s: float | None, pool: str | None) -> Forecast:
    line = "The line" if pool is None else f"The line of {pool}"
    rate = f"{_number(abs(work.slope))} step-seconds a second"
    if full_in_s == 0:
        sentence = f"{line} is full: new videos are refused until it is shorter."
        return Forecast("full", sentence, work.now, work.slope, 0.0, None, pool)
    if full_in_s is not None or work.slope > 0:
        end = "not full within a day" if full_in_s is None else f"full in {_duration(full_in_s)}"
        grows = f"grows by {rate}" if work.slope > 0 else "waits longer and longer"
        return Forecast("grows", f"{line} {grows}; {end}.", work.now, work.slope, full_in_s, None, pool)
    if work.slope < 0:
        empty_in_s = work.reaches_in_s(0.0)
        end = "" if empty_in_s is None else f"; empty in {_duration(empty_in_s)}"
        return Forecast("falls", f"{line} falls by {rate}{end}.", work.now, work.slope, None, empty_in_s, pool)
    level = "empty" if work.now == 0 else f"steady at {_number(work.now)} step-seconds"
    return Forecast("steady", f"{line} is {level}.", work.now, 0.0, None, None, pool)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _duration(seconds: float) -> str:
    for unit, size in (("hour", 3600.0), ("minute", 60.0), ("second", 1.0)):
        count = round(seconds / size)
        if count >= 2 or unit == "second":
            return f"{count} {unit}{'' if count == 1 else 's'}"
    raise AssertionError("seconds are always told")
