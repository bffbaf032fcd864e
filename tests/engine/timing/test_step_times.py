from __future__ import annotations

import pytest

from app.engine.timing.step_times import StepTimes
from app.line.batcher import Rules

SHAPE = (17, 64, 64)


def test_a_burst_of_slow_steps_hardly_moves_the_mean_and_a_lasting_slowdown_does() -> None:
    times = StepTimes()
    times.learn(SHAPE, 2, 1.0, settled=True)
    for _ in range(3):
        times.learn(SHAPE, 2, 2.0)
    assert times.step_s(SHAPE, 2) < 1.15
    for _ in range(60):
        times.learn(SHAPE, 2, 2.0)
    assert times.step_s(SHAPE, 2) > 1.85


def test_what_others_have_measured_is_taken_where_nothing_is_known() -> None:
    times = StepTimes()
    times.learn(SHAPE, 1, 1.0, settled=True)
    times.adopt({(SHAPE, 1): 9.0, (SHAPE, 2): 1.5})
    assert (times.step_s(SHAPE, 1), times.step_s(SHAPE, 2)) == (1.0, 1.5)
    assert (SHAPE, 2) in times.profile.settled


def test_predictions_go_by_whole_jobs_and_batches_by_their_steps() -> None:
    times = StepTimes()
    times.learn(SHAPE, 1, 1.0, settled=True)
    assert times.expected_s(SHAPE) == 1.0
    times.learn_job(SHAPE, evaluations=10, denoise_s=0.0)  # by a clock that stands still
    assert times.expected_s(SHAPE) == 1.0
    times.learn_job(SHAPE, evaluations=10, denoise_s=12.0)
    assert (times.expected_s(SHAPE), times.begin_s(SHAPE)) == pytest.approx((1.0, 2.0))
    assert times.step_s(SHAPE, 1) == 1.0


def test_a_round_of_a_tenant_is_no_longer_than_its_own_at_its_share() -> None:
    times, rules = StepTimes(), Rules(max_batch=4, slots=8, weights={"heavy": 2.0})
    for batch, seconds in ((1, 1.0), (2, 1.7), (3, 2.4), (4, 3.0)):
        times.learn(SHAPE, batch, seconds, settled=True)
    crowd = [("many", SHAPE)] * 7
    assert times.rounds_s(crowd, rules) == {"many": times.round_s([SHAPE] * 7, rules)}
    found = times.rounds_s([*crowd, ("single", SHAPE)], rules)
    assert found == {"many": times.round_s([SHAPE] * 8, rules), "single": 2.0}
    assert times.rounds_s([*crowd, ("heavy", SHAPE)], rules)["heavy"] == 1.5


def test_two_halves_are_a_step_of_one_job_and_what_is_no_whole_number_of_steps_is_not_learned() -> None:
    times = StepTimes()
    other = (17, 96, 96)
    times.learn_batch([SHAPE], 0.5, [0.5])
    times.learn_batch([SHAPE, other], 0.5, [0.5, 0.5])
    times.learn_batch([SHAPE, SHAPE], 0.7, [1.0, 0.5])
    times.learn_batch([SHAPE], 0.1, [0.0])
    assert times.times == {}
    times.learn_batch([SHAPE, SHAPE], 1.0, [0.5, 0.5])
    times.learn_batch([SHAPE, SHAPE, SHAPE], 1.8, [1.0, 0.5, 0.5])
    assert times.times == {(SHAPE, 1): 1.0, (SHAPE, 2): 1.8}
