"""What a load comes to on a fleet, where it can be told by hand."""

from __future__ import annotations

from random import Random

import pytest

from app.simulate.load.outcome import COMPLETED, LATE, REFUSED
from app.simulate.load.step_times import StepTimes
from app.simulate.load.traffic import drawn
from tests.simulate.load.make import SHAPE, a_fleet, a_kind, asked, ran


def test_jobs_wait_for_those_before_them_and_take_their_steps() -> None:
    found = ran(a_fleet(), asked(a_kind(), 0.0, 1.0, 2.0)).outcomes
    assert [one.wait_s for one in found] == pytest.approx([0, 9, 18])
    assert [one.latency_s for one in found] == pytest.approx([10, 19, 28])
    assert [one.end for one in found] == [COMPLETED] * 3


def test_two_replicas_share_the_work_and_their_time_is_counted() -> None:
    found = ran(a_fleet(2), asked(a_kind(), 0.0, 0.0, 0.0, 0.0))
    assert sorted(one.wait_s for one in found.outcomes) == pytest.approx([0, 0, 10, 10])
    assert found.busy_s["main"] == pytest.approx(40.0)
    assert found.alive_s["main"] == pytest.approx(2 * found.seconds)


def test_jobs_beside_each_other_share_forwards_where_that_was_measured_to_pay() -> None:
    pays = StepTimes({(SHAPE, 1): 1.0, (SHAPE, 2): 1.2})
    both = asked(a_kind(times=pays), 0.0, 0.0)
    together = ran(a_fleet(times=pays, slots=2, max_batch=2), both)
    apart = ran(a_fleet(slots=2, max_batch=2), both)
    assert [one.latency_s for one in together.outcomes] == pytest.approx([12.0, 12.0], abs=1.0)
    assert max(one.latency_s for one in apart.outcomes) == pytest.approx(20.0)


def test_an_urgent_job_takes_the_device_from_another_at_a_step_boundary() -> None:
    long, urgent = a_kind("long", 50), a_kind("urgent", 5, priority="high")
    found = {one.kind: one for one in ran(a_fleet(), [*asked(long, 0.0), *asked(urgent, 10.4)]).outcomes}
    assert found["urgent"].latency_s == pytest.approx(5.6)
    assert found["long"].latency_s == pytest.approx(55.0)


def test_what_was_made_before_costs_nothing_and_what_is_being_made_is_waited_for() -> None:
    found = ran(a_fleet(), asked(a_kind(), 0.0, 4.0, 50.0, key="the same"))
    assert [(one.cached, one.latency_s) for one in found.outcomes] == [
        (False, pytest.approx(10.0)),
        (True, pytest.approx(6.0)),
        (True, 0.0),
    ]
    assert found.busy_s["main"] == pytest.approx(10.0)


def test_a_predicted_wait_that_is_too_long_is_refused() -> None:
    found = ran(a_fleet(max_wait_s=25.0), asked(a_kind(), *(1.0 + n / 10 for n in range(8))))
    ends = [one.end for one in found.outcomes]
    assert ends.count(REFUSED) >= 4
    assert max(one.wait_s for one in found.outcomes if one.end == COMPLETED) <= 30.0


def test_a_job_past_its_deadline_in_the_line_is_given_up() -> None:
    late = a_kind("late", 10, deadline_s=5.0)
    found = ran(a_fleet(), [*asked(a_kind(), 0.0), *asked(late, 1.0)])
    assert {one.kind: one.end for one in found.outcomes} == {"short": COMPLETED, "late": LATE}


def test_a_pool_grows_with_its_work_and_shrinks_when_it_is_idle() -> None:
    fleet = a_fleet(1, 4, scale_drain_s=20.0, scale_lower_s=5.0, scale_idle_s=5.0)
    found = ran(fleet, asked(a_kind(), *(0.1 * n for n in range(12))), 400.0)
    counts = [count for at, count in found.timeline["main"] if at < 400.0]
    assert max(counts) == 4
    assert counts[-1] == 1
    assert found.alive_s["main"] < 4 * found.seconds


def test_the_same_seed_is_the_same_day() -> None:
    kinds = (a_kind("a", 5, tenants=("x", "y"), repeats=0.3), a_kind("b", 20, share=0.5, priority="high"))
    one, other, another = (list(drawn(kinds, 0.1, 2000.0, seed, 0.5)) for seed in (1, 1, 2))
    assert one == other != another
    assert ran(a_fleet(2), one).outcomes == ran(a_fleet(2), other).outcomes


def test_nobody_is_lost_and_no_device_works_twice_at_once() -> None:
    dice = Random(3)
    kinds = [
        a_kind("a", 3, priority="high", tenants=("x", "y", "z")),
        a_kind("b", 17, tenants=("x", "y"), repeats=0.2),
        a_kind("c", 40, priority="low", deadline_s=200.0),
    ]
    for slots, batch in ((1, 1), (3, 1), (4, 4)):
        arrivals = list(drawn(kinds, dice.uniform(0.1, 0.4), 1500.0, slots))
        found = ran(a_fleet(3, slots=slots, max_batch=batch, max_wait_s=120.0), arrivals, 1500.0)
        assert len(found.outcomes) == len(arrivals)
        assert not [one for one in found.outcomes if one.end == "unfinished"]
        assert found.busy_s["main"] <= found.alive_s["main"]
        made = [one for one in found.outcomes if one.end == COMPLETED and not one.cached]
        assert min(one.latency_s for one in made) >= 2.999


def test_a_mean_wait_is_that_of_queueing_theory() -> None:
    """M/D/1 at 0.7 of its capacity: the mean wait is service * load / (2 (1 - load)) (Pollaczek and Khinchine)."""
    arrivals = list(drawn([a_kind()], 0.07, 60_000.0, 5))
    found = ran(a_fleet(age_s=1e9), arrivals, 60_000.0)
    waits = [one.wait_s for one in found.outcomes]
    assert sum(waits) / len(waits) == pytest.approx(10 * 0.7 / (2 * 0.3), rel=0.15)
