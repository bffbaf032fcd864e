"""What a job that comes now is promised, and whom it would hold up."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.line.dispatch import Pool
from app.line.rules import PRIORITIES
from app.line.wait_estimates import ahead_s, expected_s, held_up_s, measure, turn_in, wait_of
from app.line.weighed_pool import by_class, weighed
from app.types import Job
from tests.line.make import at_work, job

ONE = Pool(slots=2, busy=1, replicas=1, spare=4)
AGE_S = 120.0


def test_a_class_waits_for_its_own_and_those_above() -> None:
    line = [job(0, priority="high", step_seconds=1.0), job(0, step_seconds=2.0), job(0, priority="low")]
    running = [at_work(9, priority="low", step_seconds=8.0)]
    assert ahead_s(weighed(line, running, ONE, 1.0, AGE_S)) == {"low": 13.0, "normal": 3.0, "high": 1.0}
    assert (
        ahead_s(weighed(line, running, Pool(4, 0, 2), 1.0, AGE_S))["high"] == 4.5
    )  # which cannot pause: all that runs


def test_those_who_age_into_its_class_while_it_waits_go_before_it() -> None:
    line = [job(0, step_seconds=30.0), job(0, priority="low", step_seconds=7.0)]
    assert ahead_s(weighed(line, [], ONE, 100.0, AGE_S))["normal"] == 37.0
    assert ahead_s(weighed(line, [], ONE, 80.0, AGE_S))["normal"] == 30.0


@given(st.lists(st.tuples(st.sampled_from(list(PRIORITIES)), st.floats(0, 300), st.floats(0.1, 50)), max_size=20))
def test_the_more_urgent_never_wait_longer_and_nobody_longer_than_for_all(rows: list[tuple[str, float, float]]) -> None:
    line = [job(n, priority=p, created_at=300.0 - w, step_seconds=s) for n, (p, w, s) in enumerate(rows)]
    found = ahead_s(weighed(line, [], ONE, 300.0, AGE_S))
    assert found["high"] <= found["normal"] <= found["low"] <= sum(s for _, _, s in rows) + 0.001


def test_the_longest_wait_of_those_below_counts_those_who_have_a_promise() -> None:
    rows: list[dict[str, Any]] = [{"priority": "high"}, {"created_at": 10.0}, {"priority": "low", "created_at": 20.0}]
    line = [job(0, step_seconds=0.0, **row) for row in (*rows, {"priority": "low", "attempts": 1})]
    running = [at_work(9, step_seconds=5.0)]  # for which all of them will still wait
    assert by_class(weighed(line, running, ONE, 50.0, AGE_S).longest_s) == {"low": 0.0, "normal": 35.0, "high": 45.0}
    within = weighed(line, running, ONE, 50.0, AGE_S, most_s=40.0)
    assert by_class(within.longest_s)["high"] == 35.0  # beyond that, it is broken already


def test_admission_reads_the_wait_of_the_class_from_the_backlog() -> None:
    line: list[Job] = [job(0, step_seconds=10.0), job(1, priority="low", step_seconds=5.0)]
    found = measure(line, [], {"main": ONE}, 1.0, AGE_S)
    assert [wait_of(found, job(2, priority=name)) for name in ("high", "normal", "low")] == [0.0, 10.0, 15.0]
    assert wait_of(found, job(2, "draft")) == 0.0
    assert held_up_s(found, job(2, priority="high", step_seconds=3.0)) == 13.0
    assert held_up_s(found, job(2, priority="low")) == 0.0


def test_where_a_replica_takes_one_job_at_a_time_others_wait_for_all_of_it() -> None:
    alone = Pool(slots=1, busy=1, replicas=1)
    line, running = [job(0, step_seconds=2.0)], [at_work(9, step_seconds=8.0, step=10)]  # and a second each besides
    assert ahead_s(weighed(line, running, alone, 1.0, AGE_S))["normal"] == 3.0 + 5.0
    found = measure(line, running, {"main": alone}, 1.0, AGE_S)
    assert turn_in(found, job(1, step_seconds=2.0)) == 3.0
    assert turn_in(measure(line, running, {"main": ONE}, 1.0, AGE_S), job(1, step_seconds=2.0)) == 2.0


def test_the_backlog_counts_what_running_jobs_still_need() -> None:
    found = measure([job(1), job(2)], [at_work(0, step=15)], {"main": Pool(8, 1, 1)}, now=7.0)
    assert (found.jobs, found.running, found.step_seconds, found.wait_s) == (2, 1, 4.5, 4.5)


def test_a_job_further_back_waits_longer_also_by_the_backlog_alone() -> None:
    line = [job(number) for number in range(4)]
    found = measure(line, [], {"main": Pool(1, 0, 1)}, now=0.0)
    etas = [expected_s(found, place, each.plan) for place, each in enumerate(line)]
    assert etas == sorted(etas)
    assert etas[-1] < found.wait_s + line[0].plan.estimate.seconds
    assert expected_s(None, 0, line[0].plan) == line[0].plan.estimate.seconds
