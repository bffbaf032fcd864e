from __future__ import annotations

import pytest

from app.engine.timing.job_time_fit import JobTimeFit


def learned(*jobs: tuple[int, float]) -> JobTimeFit:
    line = JobTimeFit()
    for evaluations, seconds in jobs:
        line.learn(evaluations, seconds)
    return line


def test_jobs_of_several_lengths_tell_the_start_from_the_steps() -> None:
    begin, each = learned(*[(count, 0.3 + 0.02 * count) for count in (7, 50, 10, 50, 7, 25)]).fit(step_s=0.018)
    assert (begin, each) == pytest.approx((0.3, 0.02), abs=0.01)


def test_jobs_of_one_length_leave_the_slope_to_the_steps() -> None:
    assert learned((10, 0.5), (10, 0.5)).fit(step_s=0.03) == pytest.approx((0.2, 0.03))
    assert learned((10, 0.5)).fit(step_s=0.0) == pytest.approx((0.0, 0.05))


def test_old_jobs_fade() -> None:
    slow = [(10, 2.0)] * 5
    begin, each = learned(*slow, *[(10, 0.5)] * 20).fit(step_s=0.05)
    assert begin + 10 * each == pytest.approx(0.5, abs=0.05)


def test_one_job_that_was_disturbed_sways_nothing() -> None:
    calm = [(10, 0.5), (20, 0.7), (10, 0.5), (20, 0.7), (10, 0.5)]
    begin, each = learned(*calm, (20, 1.4)).fit(step_s=0.02)
    assert begin + 10 * each == pytest.approx(0.5, rel=0.1)


def test_steps_that_seem_slower_than_whole_jobs_make_no_start_below_nothing() -> None:
    assert learned((10, 0.5)).fit(step_s=0.06) == pytest.approx((0.0, 0.05))
