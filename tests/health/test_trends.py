"""Rates out of counters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.health.samples import Sample
from app.health.trends import trends

COUNTS = st.floats(0, 1e9)


def test_a_minute_has_what_happened_since_the_one_before() -> None:
    first = Sample(0.0, 3, 1, 9.0, 4.0, 2, completed=10, failed=1, hits=5, misses=5)
    second = Sample(120.0, 1, 2, 7.0, 3.0, 1, completed=16, failed=3, hits=8, misses=6)
    begun, minute = trends([first, second])
    assert (begun.videos_per_minute, begun.error_rate, begun.hit_rate) == (None, None, None)
    assert (minute.videos_per_minute, minute.error_rate, minute.hit_rate) == (3.0, 0.25, 0.75)
    assert (minute.line_step_seconds, minute.waiting, minute.running, minute.wait_s, minute.replicas) == (7, 1, 2, 3, 1)


def test_a_minute_in_which_nothing_ended_has_no_rates() -> None:
    quiet = trends([Sample(0.0), Sample(60.0)])[1]
    assert (quiet.videos_per_minute, quiet.error_rate, quiet.hit_rate) == (0.0, None, None)


def test_counters_that_began_anew_say_nothing_rather_than_less_than_nothing() -> None:
    assert trends([Sample(0.0, completed=9), Sample(60.0, completed=2)])[1].videos_per_minute is None


@given(st.lists(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS), max_size=30))
def test_whatever_the_counters_do_rates_are_rates(rows: list[tuple[float, float, float, float]]) -> None:
    samples = [Sample(60.0 * place, completed=a, failed=b, hits=c, misses=d) for place, (a, b, c, d) in enumerate(rows)]
    for minute in trends(samples):
        assert minute.videos_per_minute is None or minute.videos_per_minute >= 0
        assert all(0 <= each <= 1 for each in (minute.error_rate, minute.hit_rate) if each is not None)


def test_no_samples_no_trends() -> None:
    assert trends([]) == []


def test_times_are_those_of_the_samples() -> None:
    assert [each.at for each in trends([Sample(5.0), Sample(65.0)])] == pytest.approx([5.0, 65.0])
