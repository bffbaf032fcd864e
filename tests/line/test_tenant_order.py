"""Tenants' fair shares of a line: bounded lag, each tenant's own order, nobody starved, however it is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.line.dispatch import Choice, Pool, choose
from app.line.rules import PRIORITIES, Rules
from app.line.tenant_shares import TenantShares
from app.types import Job, Phase
from tests.line.make import job

NOW = 500.0
WEIGHTS = {"double": 2.0, "half": 0.5}
RULES = Rules(max_batch=4, slots=1, weights=WEIGHTS)
TENANTS = ("double", "half", "one", "other")
ONE = {"main": Pool(slots=1, busy=0, replicas=1)}

rows = st.tuples(
    st.sampled_from(TENANTS),
    st.floats(0.5, 60.0),
    st.sampled_from(list(PRIORITIES)),
    st.floats(0.0, 3 * RULES.age_s),
    st.none() | st.floats(1.0, 400.0),
)


def line_of(found: list[tuple[str, float, str, float, float | None]]) -> list[Job]:
    return [
        job(
            n,
            step_seconds=length_s,
            tenant=tenant,
            priority=priority,
            created_at=NOW - waited_s,
            deadline=None if due_s is None else NOW + due_s,
        )
        for n, (tenant, length_s, priority, waited_s, due_s) in enumerate(found)
    ]


def in_order(line: list[Job], starts: Mapping[str, float] | None = None) -> list[Job]:
    found = choose(line, [], {}, NOW, RULES, lambda _pool: defaultdict(float, starts or {}))
    assert found == Choice([], found.left, [])
    return found.left


def ids(some: list[Job]) -> list[str]:
    return [each.id for each in some]


def served(line: list[Job], shares: TenantShares, turns: int, slots: int = 1) -> list[Job]:
    """Jobs in the order in which they start, on devices that each make one at a time, the longest under way first."""
    left, running, started = list(line), list[Job](), list[Job]()
    while len(started) < turns and left:
        shares.observe(left, running, NOW)
        pool = {"main": Pool(slots=slots, busy=len(running), replicas=1)}
        start = choose(left, running, pool, NOW, RULES, shares.starts).start
        assert len(start) == min(slots - len(running), len(left)), "a device is idle while somebody waits"
        shares.charge(start)
        started += start
        running += start
        left = [each for each in left if each not in start]
        done = running.pop(0)
        shares.settle(done.id, replace(done, phase=Phase.COMPLETED))
    return started


@given(st.lists(rows, max_size=25))
def test_each_tenants_own_jobs_keep_the_order_that_they_have_without_the_others(found: list[Any]) -> None:
    line = line_of(found)
    together = in_order(line)
    assert sorted(ids(together)) == sorted(ids(line)), "nobody is lost"
    for tenant in TENANTS:
        mine = [each for each in line if each.tenant == tenant]
        assert ids([each for each in together if each.tenant == tenant]) == ids(in_order(mine))


@given(st.lists(rows, max_size=25), st.randoms())
def test_the_order_does_not_depend_on_that_in_which_the_line_is_read(found: list[Any], dice: Any) -> None:
    line = line_of(found)
    shuffled = list(line)
    dice.shuffle(shuffled)
    assert ids(in_order(shuffled)) == ids(in_order(line))


@given(st.lists(st.tuples(st.sampled_from(TENANTS), st.floats(0.5, 60.0)), min_size=1, max_size=40), st.integers(1, 4))
@settings(deadline=None)
def test_of_tenants_who_wait_none_gets_ahead_of_another_by_more_than_a_job_of_each(
    found: list[tuple[str, float]], slots: int
) -> None:
    line = [job(n, step_seconds=s, tenant=tenant, created_at=NOW) for n, (tenant, s) in enumerate(found)]
    largest = {tenant: max((s for name, s in found if name == tenant), default=0.0) for tenant in TENANTS}
    got, left = dict.fromkeys(TENANTS, 0.0), list(line)
    for one in served(line, TenantShares(RULES), len(line), slots):
        waits = {each.tenant for each in left}
        for tenant in waits:
            for other in waits:
                apart = got[tenant] / RULES.weight(tenant) - got[other] / RULES.weight(other)
                bound = largest[tenant] / RULES.weight(tenant) + largest[other] / RULES.weight(other)
                assert apart <= bound + 1e-6
        got[one.tenant] += one.plan.estimate.step_seconds
        left.remove(one)


@given(st.integers(1, 60), st.integers(1, 8), st.floats(0.0, 3 * RULES.age_s))
@settings(deadline=None, max_examples=40)
def test_behind_another_tenants_long_line_a_job_is_the_next_however_old_that_is(
    before: int, served_already: int, waited_s: float
) -> None:
    shares, old = TenantShares(RULES), NOW - waited_s
    line = [job(n, tenant="one", step_seconds=5.0, created_at=old) for n in range(before + served_already)]
    started = served(line, shares, served_already)
    left = [each for each in line if each not in started]
    comes = job(999, tenant="other", step_seconds=5.0, created_at=NOW)
    assert comes in served([*left, comes], shares, 2)


def test_who_comes_or_comes_back_has_nothing_saved_up_and_owes_nothing_to_those_who_have_gone() -> None:
    shares = TenantShares(RULES)
    served([job(n, tenant="one", step_seconds=50.0) for n in range(9)], shares, 8)
    both = [job(20 + n, tenant=tenant, step_seconds=10.0) for n in range(20) for tenant in ("one", "other")]
    both = [replace(each, id=f"{each.tenant}-{each.id}") for each in both]
    order = [each.tenant for each in served(both, shares, 12)]
    assert 5 <= order.count("one") <= 7, "half each, as if the past had not been"


def test_a_class_comes_before_another_whatever_the_shares_and_a_tenant_of_twice_the_weight_gets_twice_as_much() -> None:
    line = [job(n, tenant=tenant, created_at=NOW) for n, tenant in enumerate(["double", "one"] * 30)]
    order = [each.tenant for each in served(line, TenantShares(RULES), 30)]
    assert order.count("double") == 20
    urgent = job(99, tenant="one", priority="high", created_at=NOW)
    assert in_order([*line, urgent], {"one": 900.0})[0] == urgent


def test_age_lifts_a_class_between_tenants_so_that_a_long_line_is_not_before_a_new_job_for_its_age() -> None:
    old = [job(n, tenant="one", created_at=NOW - 3 * RULES.age_s) for n in range(5)]
    new, urgent = job(8, tenant="other", created_at=NOW), job(9, tenant="half", priority="high", created_at=NOW)
    order = ids(in_order([*old, new, urgent]))
    assert order.index(new.id) <= 2, "after one old job at most, and the urgent one"
    assert order.index(urgent.id) <= 2, "nor do the old ones go before the more urgent for ever"


def test_a_low_job_starts_at_last_whatever_comes_above_it_from_others() -> None:
    low = job(0, tenant="one", priority="low", created_at=NOW - 2 * RULES.age_s)
    stream = [job(n, tenant="other", priority="high", created_at=NOW) for n in range(1, 50)]
    assert low in served([low, *stream], TenantShares(RULES), 2)


def test_with_one_slot_a_newcomer_waits_for_what_runs_and_for_nobodys_next() -> None:
    shares = TenantShares(RULES)
    line = [job(n, tenant="one", created_at=NOW - 5.0) for n in range(9)]
    runs = replace(job(99, tenant="one"), phase=Phase.DENOISING)
    for _ in range(2):
        shares.observe(line, [runs], NOW)
    comes = job(50, tenant="other", created_at=NOW)
    shares.observe([*line, comes], [runs], NOW)
    shares.settle(runs.id, replace(runs, phase=Phase.COMPLETED))
    shares.observe([*line, comes], [], NOW)
    assert choose([*line, comes], [], ONE, NOW, RULES, shares.starts).start == [comes]
