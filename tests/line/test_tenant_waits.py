"""What each tenant's next job is promised, beside another's long line."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.jobs.board import ENTERED, MemoryBoard
from app.line.backlog import Backlog, backlog_from_note, backlog_to_note, without_tenants
from app.line.dispatch import Pool, choose
from app.line.queue_places import POOL_STARTING, Place, QueuePlaces, place_behind
from app.line.rules import PRIORITIES, Rules
from app.line.tenant_shares import TenantShares
from app.line.tenant_waits import with_tenants
from app.line.wait_estimates import counter_of, entered_since, expected_of_new, held_up_s, measure, wait_of
from app.types import Job
from tests.line.make import at_work, job

RULES = Rules(max_batch=4, slots=2, weights={"heavy": 4.0})
ONE = Pool(slots=1, busy=1, replicas=1)


def backlog_of(line: list[Job], running: list[Job], pool: Pool, now: float = 10.0, most_s: float = 1e9) -> Backlog:
    shares = TenantShares(RULES)
    shares.observe(line, running, now)
    left = choose(line, running, {}, now, RULES, shares.starts).left
    found = measure(left, running, {"main": pool}, now, RULES.age_s, most_s, {})
    return with_tenants(found, left, running, {"main": pool}, RULES, shares, most_s)


def of(tenant: str, number: int = 900, **more: object) -> Job:
    return job(number, tenant=tenant, created_at=11.0, **more)  # type: ignore[arg-type]


MANY = [job(n, tenant="many", created_at=9.0) for n in range(500)]  # 3 s each where a replica takes one at a time


def test_behind_another_tenants_long_line_a_newcomer_waits_for_what_runs_and_one_of_them_at_most() -> None:
    found = backlog_of(MANY, [at_work(999, tenant="many")], ONE)
    assert wait_of(found, of("many")) == 3.0 * 501
    assert wait_of(found, of("new")) <= 6.0
    assert expected_of_new(found, of("new").plan, "new", "normal") <= 6.0 + 3.0
    assert wait_of(found, of("many", priority="high")) == 3.0, "its own more urgent one waits for what runs"


def test_where_its_share_of_the_slots_is_let_in_at_once_it_waits_for_nobody_that_runs() -> None:
    running = [at_work(900 + n, tenant="many") for n in range(8)]
    found = backlog_of(MANY, running, Pool(slots=8, busy=8, replicas=1, spare=16))
    assert wait_of(found, of("new")) <= 2.0


def test_a_tenant_whose_jobs_all_run_has_no_newcomers_claim_to_the_slots() -> None:
    running = [*(at_work(900 + n, tenant="many") for n in range(2)), at_work(990, tenant="few")]
    found = backlog_of([], running, Pool(slots=3, busy=3, replicas=1, spare=3))
    assert wait_of(found, of("new")) == 0.0
    assert wait_of(found, of("few")) == 6.0


def test_its_own_long_line_is_what_a_tenant_waits_for_and_the_others_as_much_as_comes_up_meanwhile() -> None:
    line = [*MANY, *(job(600 + n, tenant="few", created_at=9.5) for n in range(3))]
    found = backlog_of(line, [], ONE)
    assert wait_of(found, of("few")) == 3.0 * (3 + 4)
    assert found.pool("main").waits_of("few") is not None
    heavy = backlog_of([*MANY, *(job(600 + n, tenant="heavy", created_at=9.5) for n in range(4))], [], ONE)
    assert wait_of(heavy, of("heavy")) == 3.0 * (4 + 2)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(list(PRIORITIES)), st.floats(0.5, 4.0)), max_size=20),
    st.sampled_from("abcd"),
    st.sampled_from(list(PRIORITIES)),
)
@settings(deadline=None)
def test_the_promise_is_what_goes_before_it_in_the_order_that_the_dispatcher_would_find(
    rows: list[tuple[str, str, float]], tenant: str, priority: str
) -> None:
    line = [job(n, tenant=t, priority=p, step_seconds=s, created_at=9.0) for n, (t, p, s) in enumerate(rows)]
    comes = of(tenant, priority=priority, step_seconds=1e-9)
    found, shares = backlog_of(line, [], ONE), TenantShares(RULES)
    shares.observe([*line, comes], [], 10.0)
    order = choose([*line, comes], [], {}, 10.0, RULES, shares.starts).left
    before = [each for each in order[: order.index(comes)] if each.tenant != tenant]
    own = [each for each in line if each.tenant == tenant and PRIORITIES[each.priority] >= PRIORITIES[priority]]
    waits_s = wait_of(found, comes)
    ahead = [each for each in order if each in before or each in own]
    same = [each for each in line if each not in ahead and each.priority == priority]
    least = sum(each.plan.estimate.seconds for each in before)
    assert waits_s >= least - 0.01, "never less than what certainly goes before it"
    most = sum(each.plan.estimate.seconds for each in (*ahead, *same))
    assert waits_s <= most + 0.01


def test_a_single_tenants_promises_are_those_of_the_whole_line() -> None:
    line = [job(0, priority="high", step_seconds=1.0), job(0, step_seconds=2.0), job(1, priority="low")]
    line = [replace(each, id=f"own-{n}") for n, each in enumerate(line)]
    found = backlog_of(line, [at_work(9)], ONE)
    row = found.pool("main")
    assert row.tenants is not None
    assert (row.tenants["t"].ahead_s, row.tenants["t"].longest_s) == (row.ahead_s, row.longest_s)


def test_a_long_line_is_no_reason_to_refuse_another_tenant_though_it_is_held_up() -> None:
    line = [job(n, tenant="many", created_at=9.0, priority="low") for n in range(100)]
    found = backlog_of(line, [], ONE)
    assert held_up_s(found, of("many", priority="high")) > 290.0
    assert 0.0 < held_up_s(found, of("new", priority="high")) < 10.0, "only for the first of them"


def test_a_sleeping_pools_start_is_promised_and_its_reason_told() -> None:
    asleep = Pool(0, 0, 0, spare=0, start_s=40.0)
    found = backlog_of([job(1, tenant="many", created_at=9.0)], [], asleep)
    assert wait_of(found, of("new")) >= 40.0
    assert wait_of(found, of("many")) >= 42.0
    assert wait_of(backlog_of([], [], asleep), of("new")) == 40.0
    place = place_behind(
        QueuePlaces(), replace(found, pools={"main": replace(found.pool("main"), wanted=1)}), 1, of("x")
    )
    assert (place.eta_s or 0.0) >= 43.0
    assert place.reason == POOL_STARTING


def test_a_job_that_has_just_come_stands_where_its_tenants_next_does_not_behind_all() -> None:
    found = backlog_of(MANY, [at_work(999, tenant="many")], ONE)
    told = QueuePlaces(at=10.0, beyond={"main": 200})
    assert place_behind(told, found, 500, of("new")).position <= 1
    assert place_behind(told, found, 500, of("many")) == Place(500, 3.0 * 501 + 3.0)


async def crowd(backlog: Backlog, *jobs: Job) -> list[float]:
    board, waits = MemoryBoard(), []
    for each in jobs:
        entered = await board.increment(ENTERED, counter_of(each), each.plan.estimate.step_seconds)
        waits.append(entered_since(backlog, entered, each))
    return waits


@pytest.mark.anyio
async def test_of_a_crowd_that_comes_at_once_another_tenants_counts_as_far_as_it_comes_up() -> None:
    empty = backlog_of([], [], Pool(8, 0, 1))
    many = [of("many", n) for n in range(10)]
    assert await crowd(empty, *many) == [2.0 * n for n in range(10)]
    waits = await crowd(empty, *many, of("new", 50), of("new", 51))
    assert waits[-2:] == [2.0, 2.0 + 4.0]
    assert (await crowd(empty, *many, of("new", 50, priority="high")))[-1] == 0.0


def test_the_note_keeps_tenants_and_shows_them_to_nobody_who_may_not_see_them() -> None:
    found = backlog_of([job(1, tenant="secret")], [at_work(2, tenant="hidden")], ONE)
    note = orjson.loads(orjson.dumps(backlog_to_note(found)))
    assert backlog_from_note(note) == found
    assert found.tenants is not None
    assert {name: (use.jobs, use.running) for name, use in found.tenants.items()} == {
        "secret": (1, 0),
        "hidden": (0, 1),
    }
    assert found.tenants["hidden"].share == 1.0
    shown = orjson.dumps(without_tenants(note)).decode()
    assert "secret" not in shown
    assert "hidden" not in shown
    assert '"ahead_s"' in shown
