"""A tenant that may hold only so many leases is promised what that makes it wait, as its line really starts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.line.backlog import TenantWaits
from app.line.dispatch import Pool, choose
from app.line.rules import Rules
from app.line.tenant_limit import limited, own_lines
from app.line.tenant_shares import TenantShares
from app.line.tenant_waits import with_tenants
from app.line.wait_estimates import measure, wait_of
from app.types import Job
from tests.line.make import at_work, job

AGE_S = 120.0
FOUR = {"main": Pool(4, 0, 4), "other": Pool(4, 0, 4)}
NOBODY_THERE = TenantWaits(ahead_s={"low": 0.0, "normal": 0.0, "high": 0.0})
JOB_S = 3.0  # of a job where a replica takes one at a time


def starts(line: list[Job], replicas: int, rules: Rules) -> dict[str, float]:
    """When each really starts, second by second, on replicas that take one at a time."""
    now, waiting, found = 0.0, list(line), dict[str, float]()
    while waiting:
        running = [each for each in line if now - JOB_S < found.get(each.id, -JOB_S) <= now]
        pool = Pool(replicas, len(running), replicas)
        choice = choose(waiting, running, {"main": pool}, now, rules)
        found.update({each.id: now for each in choice.start})
        waiting = [each for each in waiting if each.id not in found]
        now += 1.0
    return found


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_tenant_at_its_limit_is_promised_no_less_than_its_line_takes_and_hardly_more(most: int) -> None:
    rules, replicas = Rules(max_batch=4, slots=1, most_of_tenant=most), 4
    line = [job(n, tenant="ada", created_at=float(n) / 100) for n in range(13)]
    began = starts(line, replicas, rules)
    running = [each for each in line if began[each.id] == 0.0]
    left = [each for each in line if began[each.id] > 0.0]
    before, last = left[:-1], left[-1]
    capacity = {"main": Pool(replicas, len(running), replicas)}
    shares = TenantShares(rules)
    shares.observe(before, running, 1.0)
    backlog = with_tenants(measure(before, running, capacity, 1.0), before, running, capacity, rules, shares, 1e9)
    assert began[last.id] <= wait_of(backlog, replace(last, created_at=1.0)) <= 1.25 * began[last.id] + JOB_S


def test_a_tenant_that_may_hold_another_lease_waits_for_none_of_its_own() -> None:
    running = [at_work(n, tenant="ada") for n in range(2)]
    assert own_lines([], running, FOUR, 3) == {}
    assert own_lines([], running, FOUR, 2)["ada"].waits_s(2.0, AGE_S)["normal"] > 0.0


def test_a_job_waits_for_less_urgent_ones_of_its_own_only_once_age_has_lifted_them() -> None:
    low = [job(n, "other", tenant="ada", priority="low", created_at=0.0, step_seconds=30.0) for n in range(2)]
    own = own_lines(low, [], FOUR, 1)["ada"]
    assert own.waits_s(1.0, AGE_S)["normal"] == 0.0
    assert own.waits_s(AGE_S, AGE_S)["normal"] == own.waits_s(1.0, AGE_S)["low"] > 0.0


def test_the_limit_is_one_of_all_pools_and_tells_in_a_pool_where_the_tenant_has_nothing() -> None:
    running = [at_work(1, pool="main", tenant="ada"), at_work(2, pool="main", tenant="ada")]
    own = own_lines([], running, FOUR, 2)
    own_s = {tenant: line.waits_s(2.0, AGE_S) for tenant, line in own.items()}
    rows = limited({}, NOBODY_THERE, own, own_s, "other")
    assert rows["ada"].ahead_s["normal"] == own_s["ada"]["normal"] > 0.0
    assert limited({}, NOBODY_THERE, own, {"ada": {"normal": 0.0}}, "other") == {}


def test_whoever_waits_for_its_pool_is_told_that_its_tenants_others_take_the_leases_meanwhile() -> None:
    low = [job(n, "other", tenant="ada", priority="low", created_at=0.0, step_seconds=29.0) for n in range(2)]
    own = own_lines(low, [], FOUR, 1)
    own_s = {tenant: line.waits_s(1.0, AGE_S) for tenant, line in own.items()}
    busy = TenantWaits(ahead_s={"low": 3.0, "normal": 3.0, "high": 0.0})
    told = limited({"ada": busy}, NOBODY_THERE, own, own_s, "main")["ada"].ahead_s
    assert (told["normal"], told["high"]) == (33.0, 0.0)
    assert limited({"ada": busy}, NOBODY_THERE, own, own_s, "other")["ada"].ahead_s["normal"] == 3.0
