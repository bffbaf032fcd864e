"""How many replicas a pool should have."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.line.backlog import PoolBacklog
from app.line.scaling import Because, Load, Scale, ScaleRules, Scaling, StartTimes, scale
from tests.line.make import replica

RULES = ScaleRules(least=0, most=3, drain_s=60.0, idle_s=300.0, lower_s=30.0)
NOTHING = Load(0, 0.0, 0, 0)


@st.composite
def all_rules(draw: st.DrawFn) -> ScaleRules:
    least = draw(st.integers(0, 4))
    most = draw(st.integers(max(1, least), 8))
    return ScaleRules(least, most, draw(st.floats(1, 600)), draw(st.floats(0, 600)), draw(st.floats(0, 60)))


@st.composite
def loads(draw: st.DrawFn) -> Load:
    jobs = draw(st.integers(0, 50))
    work = draw(st.floats(0.01, 5000)) if jobs else 0.0
    return Load(jobs, work, draw(st.integers(0, 8)), draw(st.integers(0, 8)))


times = st.floats(0, 1000) | st.none()
pasts = st.builds(Scale, st.integers(0, 8), st.sampled_from(Because), st.just("because"), times, times) | st.none()
some = {"load": loads(), "before": pasts, "now": st.floats(1000, 2000), "rules": all_rules()}


@given(**some)
def test_it_stays_within_its_bounds_and_says_why(
    load: Load, before: Scale | None, now: float, rules: ScaleRules
) -> None:
    found = scale(load, before, now, rules)
    assert rules.least <= found.wanted <= rules.most
    assert found.why.endswith(".")


@given(**some)
def test_busy_replicas_are_never_taken(load: Load, before: Scale | None, now: float, rules: ScaleRules) -> None:
    assert scale(load, before, now, rules).wanted >= min(load.busy, rules.most)


@given(**some, more=st.floats(0, 5000))
def test_more_work_never_means_fewer(
    load: Load, before: Scale | None, now: float, rules: ScaleRules, more: float
) -> None:
    heavier = load._replace(step_seconds=load.step_seconds + more, jobs=max(load.jobs, 1))
    assert scale(heavier, before, now, rules).wanted >= scale(load, before, now, rules).wanted


@given(**some)
def test_none_are_left_only_when_there_is_nothing_to_do_and_has_not_been_for_long(
    load: Load, before: Scale | None, now: float, rules: ScaleRules
) -> None:
    if scale(load, before, now, rules).wanted == 0 and load.replicas + (before.wanted if before else 0) > 0:
        assert (load.jobs, load.busy) == (0, 0)
        was_none = before is not None and before.wanted == 0
        idle_since = now if before is None or before.idle_since is None else before.idle_since
        assert was_none or now - idle_since >= rules.idle_s


@given(**some)
def test_the_same_moment_asked_again_is_answered_the_same(
    load: Load, before: Scale | None, now: float, rules: ScaleRules
) -> None:
    once = scale(load, before, now, rules)
    assert scale(load, once, now, rules).wanted >= min(once.wanted, rules.most)


def test_one_waiting_job_wakes_a_sleeping_pool() -> None:
    found = scale(Load(1, 0.5, 0, 0), Scale(0, Because.IDLE, ""), 0.0, RULES)
    assert (found.wanted, found.because) == (1, Because.BACKLOG)


def test_a_burst_is_answered_at_once_and_up_to_the_most() -> None:
    assert scale(Load(9, 130.0, 1, 1), None, 0.0, RULES).wanted == 3
    found = scale(Load(90, 1300.0, 1, 1), None, 0.0, RULES)
    assert (found.wanted, found.because) == (3, Because.MOST)


def test_fewer_only_when_fewer_have_been_enough_for_long() -> None:
    at = scale(Load(9, 130.0, 3, 3), None, 0.0, RULES)
    at = scale(Load(1, 20.0, 3, 1), at, 10.0, RULES)
    assert (at.wanted, at.because) == (3, Because.LINGER)
    assert scale(Load(9, 130.0, 3, 1), at, 20.0, RULES).lower_since is None
    assert scale(Load(1, 20.0, 3, 1), at, 40.0, RULES).wanted == 1


def test_a_wave_smaller_than_the_margin_takes_nothing() -> None:
    at = scale(Load(9, 130.0, 3, 1), None, 0.0, RULES)
    for second in range(0, 200, 10):
        at = scale(Load(9, 119.0, 3, 1), at, float(second), RULES)
    assert at.wanted == 3


def test_an_idle_pool_first_keeps_one_and_then_none() -> None:
    at = scale(Load(9, 130.0, 3, 3), None, 0.0, RULES)
    counts = []
    for second in (1.0, 20.0, 31.0, 300.0, 301.0, 331.0):
        at = scale(NOTHING._replace(replicas=at.wanted), at, second, RULES)
        counts.append(at.wanted)
    assert counts == [3, 3, 1, 1, 1, 0]


def test_a_pool_with_a_least_number_never_sleeps() -> None:
    found = scale(NOTHING, Scale(1, Because.LEAST, ""), 9000.0, replace(RULES, least=1))
    assert (found.wanted, found.because) == (1, Because.LEAST)


def test_each_pool_goes_by_its_own_work() -> None:
    pools = Scaling({"main": RULES, "draft": replace(RULES, least=1)})
    load = {"main": PoolBacklog(jobs=4, running=2, step_seconds=100.0), "draft": PoolBacklog(), "other": PoolBacklog()}
    pools.decide(load, [replica("main"), replica("draft")], now=0.0)
    noted = pools.noted(load)
    assert {pool: row.wanted for pool, row in noted.items()} == {"main": 2, "draft": 1, "other": None}
    assert "100.0 step-seconds of 6 jobs" in (noted["main"].why or "")
    assert noted["main"].jobs == 4


def test_what_a_first_replica_takes_to_come_is_learnt_from_the_last_that_came() -> None:
    pools = Scaling({"main": RULES})
    row = {"main": PoolBacklog(jobs=1, step_seconds=1.0)}
    for now, here in ((0.0, []), (1.0, []), (12.0, [replica("main")]), (50.0, [replica("main")])):
        pools.decide(row, here, now)
    assert pools.starts == StartTimes({"main": 12.0})


@pytest.mark.parametrize("wrong", [{"least": -1}, {"least": 4}, {"most": 0, "least": 0}, {"drain_s": 0.0}])
def test_impossible_rules_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="least"):
        replace(RULES, **wrong)  # type: ignore[arg-type]
