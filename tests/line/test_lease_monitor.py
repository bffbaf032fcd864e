"""Which leases have run out, whatever the clocks say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.line.lease_monitor import LeaseMonitor
from app.types import Lease


def lease(until: float, fence: int = 1) -> Lease:
    return Lease("video_1", fence, "main", until)


def test_a_lease_that_stands_still_for_its_length_is_lost() -> None:
    monitor = LeaseMonitor(30.0)
    assert monitor.lost([lease(100.0)], at=0.0) == []
    assert monitor.lost([lease(100.0)], at=29.0) == []
    assert monitor.lost([lease(100.0)], at=30.0) == [lease(100.0)]


def test_a_new_attempt_begins_anew() -> None:
    monitor = LeaseMonitor(30.0)
    monitor.lost([lease(100.0)], at=0.0)
    assert monitor.lost([lease(100.0, fence=2)], at=31.0) == []


@given(jumps=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_whatever_the_wall_clock_does_a_holder_that_renews_keeps_its_lease_and_one_that_does_not_loses_it(
    jumps: list[float],
) -> None:
    monitor = LeaseMonitor(30.0)
    wall, at = 1e9, 0.0
    for jump in jumps:
        wall, at = wall + 2.0 + jump, at + 2.0
        mine, dead = lease(wall + 30.0 + at * 1e-3), Lease("video_2", 1, "main", 1e9)
        found = monitor.lost([mine, dead], at)
        assert mine not in found
        assert (dead in found) == (at - 2.0 >= 30.0)


def test_an_observer_that_was_frozen_while_it_read_calls_nobody_lost_for_that_time() -> None:
    monitor = LeaseMonitor(30.0)
    assert monitor.lost([lease(100.0)], 1.0) == []
    assert monitor.lost([lease(100.0)], 61.0, asked_at=2.0) == []  # read at once, and frozen then
    assert monitor.lost([lease(160.0)], 121.0, asked_at=62.0) == []  # frozen first, and read then
    assert monitor.lost([lease(160.0)], 150.0) == []
    assert monitor.lost([lease(160.0)], 151.0) == [lease(160.0)]
