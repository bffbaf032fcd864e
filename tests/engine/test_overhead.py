from __future__ import annotations

import pytest

from app.engine.overhead import Overhead


def test_nothing_is_known_before_the_first_job() -> None:
    assert (Overhead().seconds, Overhead().device_seconds) == (0.0, 0.0)


def test_what_is_neither_wait_nor_steps_is_overhead() -> None:
    overhead = Overhead()
    overhead.learn(10.0, {"queue": 3.0, "denoise": 6.0, "encode": 0.1, "decode": 0.3, "finish": 0.2})
    assert (overhead.seconds, overhead.device_seconds) == pytest.approx((1.0, 0.4))


def test_one_odd_job_moves_the_mean_little() -> None:
    overhead = Overhead()
    for _ in range(5):
        overhead.learn(1.0, {})
    overhead.learn(11.0, {})
    assert overhead.seconds == pytest.approx(3.0)
