from __future__ import annotations

import pytest

from app.engine.timing.overhead import Overhead, own_time_began


def test_nothing_is_known_before_the_first_job() -> None:
    assert (Overhead().seconds, Overhead().device_seconds) == (0.0, 0.0)


def test_what_is_neither_wait_nor_steps_is_overhead() -> None:
    overhead = Overhead()
    overhead.learn("a", 10.0, {"queue": 3.0, "denoise": 6.0, "encode": 0.1, "decode": 0.3, "finish": 0.2})
    assert (overhead.seconds, overhead.device_seconds) == pytest.approx((1.0, 0.4))


def test_one_odd_job_moves_the_mean_little() -> None:
    overhead = Overhead()
    for _ in range(5):
        overhead.learn("a", 1.0, {})
    overhead.learn("a", 11.0, {})
    assert overhead.seconds == pytest.approx(4.0)


def test_a_shape_has_its_own_mean_and_one_that_is_new_that_of_all() -> None:
    overhead = Overhead()
    overhead.learn("small", 1.0, {"decode": 0.2})
    overhead.learn("large", 6.0, {"decode": 3.0})
    assert (overhead.of("small"), overhead.of("large")) == pytest.approx((1.0, 6.0))
    assert overhead.of("new") == pytest.approx(2.5)
    assert overhead.device_by_shape == pytest.approx({"small": 0.2, "large": 3.0})


def test_the_line_is_no_part_of_it_but_handing_a_job_over_is() -> None:
    assert own_time_began(100.0, 100.03) == own_time_began(100.0, None) == 100.0
    assert own_time_began(100.0, 160.0) == 160.0
