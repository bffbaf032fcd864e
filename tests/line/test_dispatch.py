"""Which waiting jobs start."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.line.dispatch import Choice, Pool, choose, pools, remaining
from app.line.rules import PRIORITIES, Rules
from app.types import Job
from tests.line.make import at_work, job, replica

RULES = Rules(max_batch=4, slots=2)
NOW = 300.0
FULL = {"main": Pool(slots=2, busy=2, replicas=1, spare=4)}


def started(waiting: list[Job], running: list[Job], capacity: dict[str, Pool], now: float = 10.0) -> list[str]:
    return [one.id for one in choose(waiting, running, capacity, now, RULES).start]


def test_among_equals_those_who_came_first_start_first_and_no_more_than_there_are_slots() -> None:
    line = [job(number) for number in range(5)]
    choice = choose(line, [], {"main": Pool(slots=3, busy=1, replicas=1)}, 5.0, RULES)
    assert choice == Choice(line[:2], line[2:], [])


def test_a_higher_class_starts_first_until_age_lifts_the_lower_one() -> None:
    line = [job(0, priority="low"), job(99, priority="normal")]
    one_free = {"main": Pool(slots=1, busy=0, replicas=1)}
    assert started(line, [], one_free, now=100.0) == ["job-99"]
    assert started(line, [], one_free, now=121.0) == ["job-0"]


def test_a_tight_deadline_goes_before_those_who_can_wait() -> None:
    line = [job(0), job(1, deadline=4.5)]
    assert started(line, [], {"main": Pool(1, 0, 1)}, now=2.0) == ["job-1"]


def test_a_job_past_its_deadline_is_late_and_starts_no_more() -> None:
    line = [job(0, deadline=9.0), job(1, deadline=11.0)]
    assert choose(line, [], {"main": Pool(2, 0, 1)}, 9.0, RULES) == Choice([line[1]], [], [line[0]])


def test_a_full_pool_does_not_hold_up_another() -> None:
    assert started([job(0), job(1, "draft")], [], {"main": Pool(1, 1, 1), "draft": Pool(1, 0, 1)}) == ["job-1"]


def test_nothing_starts_where_there_is_no_replica() -> None:
    assert started([job(0)], [], {}) == []
    assert started([job(0, priority="high")], [at_work(1, priority="low")], {"main": Pool(0, 1, 0)}) == []


def test_a_full_pool_takes_one_job_of_a_higher_class_for_each_that_can_give_way() -> None:
    line = [job(number, priority="high") for number in (3, 4, 5)]
    assert started(line, [at_work(0), at_work(1, priority="low")], FULL) == ["job-3", "job-4"]
    assert started(line, [at_work(0), at_work(1, priority="high")], FULL) == ["job-3"]


def test_those_already_paused_have_nothing_to_give() -> None:
    running = [at_work(0), at_work(1), at_work(2, priority="high"), at_work(3, priority="high")]
    full = {"main": Pool(slots=2, busy=4, replicas=1, spare=4)}
    assert started([job(4, priority="high")], running, full) == []


def test_no_lease_is_given_beyond_what_the_replicas_can_hold() -> None:
    line = [job(number, priority="high") for number in (3, 4)]
    assert started(line, [at_work(0), at_work(1)], {"main": Pool(slots=2, busy=2, replicas=1, spare=1)}) == ["job-3"]
    assert started(line, [at_work(0), at_work(1)], {"main": Pool(slots=2, busy=2, replicas=1)}) == []


def test_in_its_own_class_a_job_with_a_deadline_starts_beside_one_that_can_wait() -> None:
    running = [at_work(0, step_seconds=100.0), at_work(1, step_seconds=100.0)]
    assert started([job(2, deadline=14.0), job(3)], running, FULL) == ["job-2"]
    assert started([job(2, deadline=500.0)], running, FULL) == []


def test_pools_add_up_the_slots_of_their_replicas() -> None:
    found = pools([replica(), replica(slots=4), replica("draft")], {"main": 3, "gone": 1}, max_paused=5)
    assert found == {"main": Pool(6, 3, 2, 10), "draft": Pool(2, 0, 1, 5), "gone": Pool(0, 1, 0)}


def test_more_leases_than_slots_leave_none_free() -> None:
    assert Pool(slots=2, busy=5, replicas=1).free == 0
    assert Pool(slots=2, busy=5, replicas=1, spare=4).room == 1


def test_a_running_job_needs_what_its_steps_leave() -> None:
    assert remaining(at_work(0, step=15)) == 0.5


def test_ten_times_the_line_takes_hardly_more_than_ten_times_as_long_to_decide() -> None:
    draw = random.Random(1)
    line = [job(n, step_seconds=draw.uniform(1, 60), priority=draw.choice(list(PRIORITIES))) for n in range(1000)]
    at_once = [at_work(2000 + n) for n in range(2)]

    def took(waiting: list[Job]) -> float:
        began = time.thread_time()
        choose(waiting, at_once, FULL, 1000.0, RULES)
        return time.thread_time() - began

    pairs = [(took(line[::10]), took(line)) for _ in range(20)]
    assert min(long for _, long in pairs) < 25 * min(short for short, _ in pairs)


def jobs(first: int, pools: tuple[str, ...], most: int) -> st.SearchStrategy[list[Job]]:
    fields = st.tuples(
        st.sampled_from(pools),
        st.floats(0.0, 100.0),
        st.sampled_from(list(PRIORITIES)),
        st.floats(0.0, 2 * RULES.age_s).map(lambda waited_s: NOW - waited_s),
        st.none() | st.floats(NOW - 50, NOW + 200),
    )
    return st.lists(fields, max_size=most).map(
        lambda rows: [
            job(first + number, pool, length_s, priority=priority, created_at=came, deadline=deadline)
            for number, (pool, length_s, priority, came, deadline) in enumerate(rows)
        ]
    )


@settings(max_examples=300, deadline=None)
@given(
    waiting=jobs(0, ("main", "draft", "nowhere"), 20),
    running=jobs(100, ("main", "draft"), 12),
    slots=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    spare=st.integers(0, 4),
)
def test_whatever_the_line_limits_hold_and_slots_are_used_and_classes_are_kept(
    waiting: list[Job], running: list[Job], slots: tuple[int, int], spare: int
) -> None:
    busy = Counter(one.plan.pool for one in running)
    capacity = {name: Pool(n, busy[name], 1, spare) for name, n in zip(("main", "draft"), slots, strict=True)}
    start, left, late = choose(waiting, running, capacity, NOW, RULES)
    assert sorted(one.id for one in (*start, *left, *late)) == sorted(one.id for one in waiting)
    assert {one.id for one in late} == {one.id for one in waiting if one.deadline is not None and one.deadline <= NOW}
    assert not [one for one in start if one.plan.pool == "nowhere"]
    for name, pool in capacity.items():
        mine, others = ([one for one in some if one.plan.pool == name] for some in (start, left))
        assert len(mine) <= pool.room
        assert len(mine) >= min(pool.free, len(mine) + len(others))
        _check_guests(mine[pool.free :], [one for one in running if one.plan.pool == name])
        for one in mine:
            above = [other for other in others if PRIORITIES[other.priority] > PRIORITIES[one.priority]]
            assert not above or NOW - one.created_at >= RULES.age_s


def _check_guests(guests: list[Job], running: list[Job]) -> None:
    """Each that starts without a free slot has somebody of its own to give way to it."""
    assert len(guests) <= len(running)
    for level in PRIORITIES.values():
        plain = [one for one in guests if one.deadline is None and PRIORITIES[one.priority] <= level]
        assert len(plain) <= sum(PRIORITIES[one.priority] < level for one in running)


def of(tenant: str, number: int, **more: Any) -> Job:
    return replace(job(number, **more), tenant=tenant)


def test_a_tenant_with_all_its_leases_holds_up_nobody() -> None:
    two = replace(RULES, most_of_tenant=2)
    line = [*(of("greedy", number) for number in range(4)), of("modest", 4)]
    running = [replace(at_work(9), tenant="greedy")]
    found = choose(line, running, {"main": Pool(8, 1, 1), "draft": Pool(1, 0, 1)}, 10.0, two)
    assert [one.id for one in found.start] == ["job-0", "job-4"]
    assert [one.id for one in found.left] == ["job-1", "job-2", "job-3"]


def test_a_tenants_limit_holds_over_all_pools() -> None:
    one = replace(RULES, most_of_tenant=1)
    line = [of("a", 0), of("a", 1, pool="draft"), of("b", 2, pool="draft")]
    assert len(choose(line, [], {"main": Pool(0, 0, 0), "draft": Pool(2, 0, 1)}, 10.0, one).start) == 2
    found = choose(line, [], {"main": Pool(1, 0, 1), "draft": Pool(2, 0, 1)}, 10.0, one).start
    assert [each.id for each in found] == ["job-0", "job-2"]


def of_two_pools(line: list[Job], most: int, main: Pool, draft: Pool, running: tuple[Job, ...] = ()) -> set[str]:
    """Who starts; the same whichever pool is looked at first."""
    capacity, rules = {"main": main, "draft": draft}, replace(RULES, most_of_tenant=most)
    found = {one.id for one in choose(line, running, capacity, 10.0, rules).start}
    other_way = choose(line, running, dict(reversed(capacity.items())), 10.0, rules).start
    assert {one.id for one in other_way} == found
    return found


def test_a_tenants_last_lease_goes_to_its_most_urgent_job_in_whatever_pool() -> None:
    line = [of("a", 0, priority="low"), of("a", 1, pool="draft"), of("a", 2, pool="draft", priority="high")]
    free = Pool(2, 0, 1)
    assert of_two_pools(line, 1, free, free) == {"job-2"}
    assert of_two_pools(line, 2, free, free) == {"job-2", "job-1"}


def test_a_lease_that_the_most_urgent_job_cannot_use_yet_goes_to_the_next_that_can() -> None:
    line, busy = [of("a", 0, priority="low"), of("a", 1, pool="draft", priority="high")], at_work(9, pool="draft")
    full = Pool(1, 1, 1)
    assert of_two_pools(line, 1, Pool(1, 0, 1), full, (replace(busy, tenant="b"),)) == {"job-0"}


def test_a_slot_that_a_tenant_leaves_for_a_more_urgent_job_elsewhere_goes_to_another_tenant() -> None:
    line = [of("a", 0, priority="normal"), of("a", 1, pool="draft", priority="high"), of("b", 2, priority="low")]
    assert of_two_pools(line, 1, Pool(1, 0, 1), Pool(1, 0, 1)) == {"job-1", "job-2"}


def test_a_job_for_which_another_gives_way_has_its_tenants_lease_before_a_less_urgent_one_with_a_free_slot() -> None:
    line = [of("a", 0), of("a", 1, pool="draft", priority="high")]
    running = (replace(at_work(8, pool="draft", priority="low"), tenant="b"),)
    assert of_two_pools(line, 1, Pool(1, 0, 1), Pool(1, 1, 1, spare=2), running) == {"job-1"}


def test_a_story_of_a_limited_tenant_is_made_in_its_order_over_pools() -> None:
    def scene(number: int, of_story: int, length_s: float) -> Job:
        made = of("a", number, step_seconds=length_s, created_at=0.0)
        return replace(made, wishes=replace(made.wishes, storyboard=("s", of_story)))

    line = [scene(0, 0, 40.0), scene(1, 1, 1.0), of("a", 2, pool="draft", step_seconds=5.0, created_at=0.0)]
    assert of_two_pools(line, 1, Pool(2, 0, 1), Pool(2, 0, 1)) == {"job-0"}


def test_a_job_whose_replica_was_lost_stays_out_for_its_pause_and_no_longer() -> None:
    line, free = [job(0, not_before=20.0), job(1)], {"main": Pool(1, 0, 1)}
    assert started(line, [], free, now=19.0) == ["job-1"]
    assert started(line, [], free, now=20.0) == ["job-0"]
    assert started(line, [], free, now=-500.0) == ["job-0"]  # the clock was set back: no pause is that long
