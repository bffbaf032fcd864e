"""Where the line goes, by samples of a line whose course is known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.health.forecast import Forecast, Limits, forecast
from app.health.samples import PoolSample, Sample

NOW = 1_800_000_000.0
ROOMY = Limits(600.0, 1_000_000)
LEVELS = st.floats(0, 1e5)
SLOPES = st.floats(-50, 50)


def course(start: float, slope: float, minutes: int = 10, pool: str = "main", wait: float = 1.0) -> list[Sample]:
    """A line of one pool, by its step-seconds at the first sample and their growth a second; never below nought."""
    found = []
    for minute in range(minutes + 1):
        work = max(0.0, start + slope * 60.0 * minute)
        found.append(
            Sample(
                NOW - 60.0 * (minutes - minute),
                waiting=int(work / 10),
                step_seconds=work,
                wait_s=wait * work,
                pools={pool: PoolSample(work, wait * work, 1)},
            )
        )
    return found


def told(samples: list[Sample], limits: Limits = ROOMY, now: float = NOW) -> Forecast:
    found = forecast(samples, limits, now)
    assert found is not None
    return found


def test_a_line_that_grows_says_by_how_much_and_when_it_is_full() -> None:
    found = told(course(480.0, 3.0), Limits(480.0 + 3.0 * 600 + 3.0 * 14 * 60, 10**6))
    assert found.sentence == "The line grows by 3 step-seconds a second; full in 14 minutes."
    assert (found.state, round(found.growth, 6), round(found.full_in_s or 0.0, 3)) == ("grows", 3.0, 840.0)


def test_a_line_that_falls_says_when_it_is_empty() -> None:
    found = told(course(1500.0, -2.0))
    assert found.sentence == "The line falls by 2 step-seconds a second; empty in 2 minutes."
    assert (found.state, round(found.empty_in_s or 0.0, 3), found.full_in_s) == ("falls", 150.0, None)


def test_a_line_that_stays_is_steady_and_one_without_jobs_empty() -> None:
    assert told(course(40.0, 0.0)).sentence == "The line is steady at 40 step-seconds."
    assert told(course(0.0, 0.0)).sentence == "The line is empty."


def test_a_line_at_its_limit_is_full() -> None:
    found = told(course(700.0, 0.0))
    assert (found.state, found.full_in_s) == ("full", 0.0)
    assert told(course(700.0, 0.0), Limits(1e9, 70)).state == "full"


def test_the_pool_that_is_full_first_is_named_though_the_others_fall() -> None:
    slow, quick = course(60.0, 0.5), course(9000.0, -4.0, pool="other", wait=0.01)
    both = [
        Sample(a.at, step_seconds=a.step_seconds + b.step_seconds, wait_s=a.wait_s, pools={**a.pools, **b.pools})
        for a, b in zip(slow, quick, strict=True)
    ]
    found = told(both)
    assert (found.pool, found.state) == ("main", "grows")
    assert found.sentence == "The line of main grows by 0.5 step-seconds a second; full in 8 minutes."


@pytest.mark.parametrize("samples", [[], course(10.0, 3.0, 0), course(10.0, 3.0, 1)])
def test_too_few_samples_say_nothing(samples: list[Sample]) -> None:
    assert forecast(samples, ROOMY, NOW) is None


def test_old_samples_say_nothing() -> None:
    assert forecast(course(10.0, 3.0), ROOMY, NOW + 200.0) is None
    assert forecast(course(10.0, 3.0), ROOMY, NOW + 3600.0) is None


@given(LEVELS, SLOPES)
def test_a_straight_line_is_read_exactly_or_called_steady(start: float, slope: float) -> None:
    samples = course(start, slope)
    if any(each.step_seconds == 0 for each in samples):
        return  # it was not straight
    found = told(samples, Limits(1e9, 10**9))
    assert found.growth == (pytest.approx(slope, rel=1e-6, abs=1e-6) if found.growth else 0.0)
    assert found.growth != 0 or 60 * abs(slope) <= max(0.5, 0.021 * max(each.step_seconds for each in samples))
    assert found.state == ("grows" if found.growth > 0 else "falls" if found.growth < 0 else "steady")


@given(LEVELS, SLOPES, st.floats(1.0, 1e6), st.randoms())
def test_neither_the_order_of_samples_nor_the_hour_matters(
    start: float, slope: float, later: float, order: random.Random
) -> None:
    samples = course(start, slope)
    mixed = samples[:]
    order.shuffle(mixed)
    assert forecast(mixed, ROOMY, NOW) == forecast(samples, ROOMY, NOW)
    shift = round(later)
    moved = [
        Sample(each.at + shift, each.waiting, step_seconds=each.step_seconds, wait_s=each.wait_s, pools=each.pools)
        for each in samples
    ]
    assert forecast(moved, ROOMY, NOW + shift) == forecast(samples, ROOMY, NOW)


@given(st.floats(0, 500), st.floats(0.05, 50))
def test_until_full_it_grows_by_just_what_is_left(start: float, slope: float) -> None:
    samples = course(start, slope)
    limit = samples[-1].wait_s + 1000.0
    found = told(samples, Limits(limit, 10**9))
    if found.growth > 0:
        assert found.full_in_s == pytest.approx(1000.0 / found.growth, rel=1e-6)


@given(st.floats(1, 1e4), st.integers(0, 10), st.floats(0, 1e6))
def test_a_single_wave_does_not_make_a_quiet_line_grow(level: float, place: int, height: float) -> None:
    samples = course(level, 0.0)
    odd = samples[place]
    samples[place] = Sample(odd.at, step_seconds=odd.step_seconds + height, pools={"main": PoolSample(level)})
    assert told(samples, Limits(1e9, 10**9)).growth == 0


@given(st.lists(st.tuples(LEVELS, st.floats(0, 1e4), st.integers(0, 5000)), max_size=61))
def test_whatever_the_samples_are_the_forecast_is_a_sentence_and_its_times_lie_ahead(
    rows: list[tuple[float, float, int]],
) -> None:
    samples = [
        Sample(NOW - 60.0 * place, waiting, step_seconds=work, wait_s=wait, pools={"main": PoolSample(work, wait)})
        for place, (work, wait, waiting) in enumerate(rows)
    ]
    found = forecast(samples, Limits(600.0, 1000), NOW)
    if found is not None:
        assert found.sentence.startswith("The line")
        assert found.sentence.endswith(".")
        assert all(0 <= each <= 86400.0 for each in (found.full_in_s, found.empty_in_s) if each is not None)
