from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.line.batcher import Boundary, Rules, Running, Shape, Waiting, decide

SMALL: Shape = (17, 64, 64)
LARGE: Shape = (17, 96, 96)
RULES = Rules(max_batch=2, slots=3)


def test_waiting_jobs_join_in_order_of_arrival_and_step_at_once() -> None:
    line = [Waiting("c", SMALL, 3.0), Waiting("a", SMALL, 1.0), Waiting("b", SMALL, 2.0)]
    assert decide([], line, Rules(max_batch=4, slots=2)) == Boundary(join=("a", "b"), batch=("a", "b"))


def test_a_leaving_job_frees_its_slot_at_once() -> None:
    running = [Running("a", SMALL, 1.0, leaving=True)]
    boundary = decide(running, [Waiting("b", SMALL, 2.0)], Rules(max_batch=1, slots=1))
    assert boundary == Boundary(join=("b",), leave=("a",), batch=("b",))


def test_a_job_stopped_while_it_waits_leaves_without_joining() -> None:
    assert decide([], [Waiting("a", SMALL, 1.0, leaving=True)], RULES) == Boundary(leave=("a",))


def test_a_forecast_step_takes_no_place() -> None:
    running = [Running("a", SMALL, 1.0, forecast=True), Running("b", SMALL, 2.0), Running("c", SMALL, 3.0)]
    assert decide(running, [], RULES).batch == ("b", "c")


def test_shapes_take_turns() -> None:
    running = [Running("a", SMALL, 1.0, stepped=4), Running("b", LARGE, 2.0, stepped=3)]
    assert decide(running, [], RULES).batch == ("b",)


def test_a_newcomer_does_not_overtake_those_who_wait_for_their_turn() -> None:
    running = [Running("a", SMALL, 1.0, stepped=7), Running("b", SMALL, 2.0, stepped=8)]
    assert decide(running, [Waiting("c", SMALL, 0.0)], RULES).batch == ("a", "b")


def test_limits_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Rules(max_batch=0, slots=1)


shapes = st.sampled_from([SMALL, LARGE, (5, 8, 8)])
rules = st.builds(Rules, max_batch=st.integers(1, 4), slots=st.integers(1, 6))
jobs = st.tuples(st.integers(0, 12), shapes, st.lists(st.booleans(), min_size=1, max_size=6), st.integers(1, 9))


@settings(max_examples=150, deadline=None)
@given(rules=rules, arrivals=st.lists(jobs, max_size=14))
def test_no_job_is_lost_doubled_or_starved_and_no_limit_is_passed(
    rules: Rules, arrivals: list[tuple[int, Shape, list[bool], int]]
) -> None:
    """Plays a replica. A job: the boundary at which it arrives, its shape, its mask, when it is stopped."""
    masks = {f"job-{place}": list(mask) for place, (_, _, mask, _) in enumerate(arrivals)}
    shape = {f"job-{place}": what for place, (_, what, _, _) in enumerate(arrivals)}
    arrived = {f"job-{place}": when for place, (when, _, _, _) in enumerate(arrivals)}
    stopped_at = {f"job-{place}": when + patience * 4 for place, (when, _, _, patience) in enumerate(arrivals)}
    running: dict[str, int] = {}  # job to the boundary of its last turn
    left: list[str] = []
    for number in range(200):
        stopped = {name for name, when in stopped_at.items() if number >= when}
        waiting = [name for name in masks if arrived[name] <= number and name not in running and name not in left]
        boundary = decide(
            [
                Running(
                    name,
                    shape[name],
                    arrived[name],
                    stepped=turn,
                    forecast=bool(masks[name]) and not masks[name][0],
                    leaving=not masks[name] or name in stopped,
                )
                for name, turn in running.items()
            ],
            [Waiting(name, shape[name], arrived[name], leaving=name in stopped) for name in waiting],
            rules,
        )
        for name in boundary.leave:
            assert name in stopped or not masks[name]
            running.pop(name, None)
            left.append(name)
        for name in boundary.join:
            assert name in waiting
            assert name not in stopped
            running[name] = number - 1
        assert len(running) <= rules.slots
        assert len(boundary.batch) <= rules.max_batch
        assert len({shape[name] for name in boundary.batch}) <= 1
        assert len(set(boundary.batch)) == len(boundary.batch)
        assert set(boundary.batch) <= set(running)
        ready = [name for name in running if masks[name][0] or name in boundary.join]
        assert bool(boundary.batch) == bool(ready), "work is conserved"
        assert all(number - running[name] <= rules.slots for name in ready), "nobody starves"
        for name in list(running):
            if name in boundary.batch:
                running[name] = number
                masks[name].pop(0)
            elif name not in ready:
                running[name] = number  # a forecast step
                masks[name].pop(0)
    assert sorted(left) == sorted(masks)
