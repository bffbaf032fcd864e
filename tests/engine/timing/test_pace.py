from __future__ import annotations

import pytest

from app.engine.timing.pace import Pace

SHAPE = (17, 64, 64)


def test_a_burst_of_slow_steps_hardly_moves_the_mean_and_a_lasting_slowdown_does() -> None:
    pace = Pace()
    pace.learn(SHAPE, 2, 1.0, settled=True)
    for _ in range(3):
        pace.learn(SHAPE, 2, 2.0)
    assert pace.step_s(SHAPE, 2) < 1.15
    for _ in range(60):
        pace.learn(SHAPE, 2, 2.0)
    assert pace.step_s(SHAPE, 2) > 1.85


def test_what_others_have_measured_is_taken_where_nothing_is_known() -> None:
    pace = Pace()
    pace.learn(SHAPE, 1, 1.0, settled=True)
    pace.adopt({(SHAPE, 1): 9.0, (SHAPE, 2): 1.5})
    assert (pace.step_s(SHAPE, 1), pace.step_s(SHAPE, 2)) == (1.0, 1.5)
    assert (SHAPE, 2) in pace.profile.settled


def test_predictions_go_by_whole_jobs_and_batches_by_their_steps() -> None:
    pace = Pace()
    pace.learn(SHAPE, 1, 1.0, settled=True)
    assert pace.expected_s(SHAPE) == 1.0
    pace.learn_job(SHAPE, evaluations=10, denoise_s=0.0)  # by a clock that stands still
    assert pace.expected_s(SHAPE) == 1.0
    pace.learn_job(SHAPE, evaluations=10, denoise_s=12.0)
    assert (pace.expected_s(SHAPE), pace.begin_s(SHAPE)) == pytest.approx((1.0, 2.0))
    assert pace.step_s(SHAPE, 1) == 1.0
