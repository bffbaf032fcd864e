from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.line.batcher import Boundary, Paused, Profile, Rules, Running, Shape, Urgency, Waiting, decide
from app.line.packing import shares
from app.line.rules import PRIORITIES

SMALL: Shape = (17, 64, 64)
LARGE: Shape = (17, 96, 96)
RULES = Rules(max_batch=2, slots=3)
ONE = Rules(max_batch=1, slots=1)
UNKNOWN = Profile()
KNOWN = Profile({(SMALL, 1): 1.0, (SMALL, 2): 1.2, (LARGE, 1): 4.0}, frozenset({(SMALL, 1), (SMALL, 2), (LARGE, 1)}))
LOW, NORMAL, HIGH = PRIORITIES["low"], PRIORITIES["normal"], PRIORITIES["high"]


def waiting(
    job_id: str, arrived: float = 0.0, shape: Shape = SMALL, priority: int = NORMAL, steps: int = 10, **more: float
) -> Waiting:
    urgency = Urgency(priority, more.get("deadline"), arrived)
    return Waiting(job_id, shape, urgency, steps, steps, arrived, int(more.get("state_bytes", 0)))


def running(
    job_id: str, arrived: float = 0.0, shape: Shape = SMALL, priority: int = NORMAL, steps: int = 10, **more: float
) -> Running:
    urgency = Urgency(priority, more.get("deadline"), arrived)
    return Running(
        job_id,
        shape,
        urgency,
        steps,
        int(more.get("remaining", steps)),
        more.get("since", arrived),
        int(more.get("state_bytes", 0)),
        stepped=int(more.get("stepped", 0)),
        used_s=more.get("used_s", 0.0),
    )


def paused(job_id: str, arrived: float = 0.0, **more: float) -> Paused:
    one = running(job_id, arrived, **more)  # type: ignore[arg-type]
    return Paused(job_id, one.shape, one.urgency, one.evaluations, one.remaining, one.since, one.state_bytes)


def test_waiting_jobs_join_in_order_of_arrival_and_step_at_once() -> None:
    line = [waiting("c", 3.0), waiting("a", 1.0), waiting("b", 2.0)]
    profile = Profile({(SMALL, 1): 1.0, (SMALL, 2): 1.2})
    assert decide(3.0, [], line, [], Rules(max_batch=4, slots=2), profile) == Boundary(
        join=("a", "b"), batch=("a", "b")
    )


def test_a_leaving_job_frees_its_slot_at_once() -> None:
    done = replace(running("a"), leaving=True)
    boundary = decide(2.0, [done], [waiting("b", 2.0)], [], ONE, UNKNOWN)
    assert boundary == Boundary(join=("b",), leave=("a",), batch=("b",))


def test_a_job_stopped_while_it_waits_leaves_without_joining() -> None:
    assert decide(1.0, [], [replace(waiting("a"), leaving=True)], [], RULES, UNKNOWN) == Boundary(leave=("a",))


def test_a_forecast_step_takes_no_place() -> None:
    jobs = [replace(running("a"), forecast=True), running("b", 2.0), running("c", 3.0)]
    assert decide(3.0, jobs, [], [], RULES, KNOWN).batch == ("b", "c")


def test_a_job_that_shares_no_forward_has_one_to_itself_and_nobody_is_left_behind() -> None:
    alone = replace(running("a", 1.0, stepped=1), alone=True)
    others = [running("b", 2.0, stepped=2), running("c", 3.0, stepped=3)]
    assert decide(3.5, [alone, *others], [], [], RULES, KNOWN).batch == ("a",)
    stepped = replace(alone, stepped=4)
    assert decide(3.5, [stepped, *others], [], [], RULES, KNOWN).batch == ("b", "c")


def test_jobs_of_one_shape_share_a_forward_within_their_group_and_the_groups_take_turns() -> None:
    jobs = [
        replace(running(name, stepped=stepped), group=group)
        for name, stepped, group in (("a", 1, "high"), ("b", 2, "low"), ("c", 3, "high"))
    ]
    assert decide(0.0, jobs, [], [], RULES, KNOWN).batch == ("a", "c")
    stepped = [replace(job, stepped=9) if job.group == "high" else job for job in jobs]
    assert decide(0.0, stepped, [], [], RULES, KNOWN).batch == ("b",)


def test_a_job_that_has_not_started_may_be_of_any_group() -> None:
    one = replace(running("a"), group="low")
    assert set(decide(0.0, [one], [waiting("b")], [], RULES, KNOWN).batch) == {"a", "b"}


def test_a_newcomer_does_not_overtake_those_who_wait_for_their_turn() -> None:
    jobs = [running("a", 1.0, stepped=7), running("b", 2.0, stepped=8)]
    assert decide(2.0, jobs, [waiting("c", 0.0)], [], RULES, Profile({(SMALL, 1): 1.0})).batch == ("a", "b")


def test_shapes_take_turns_by_the_time_they_have_used() -> None:
    jobs = [running("a", used_s=5.0, stepped=3), running("b", shape=LARGE, used_s=4.0, stepped=4)]
    assert decide(0.0, jobs, [], [], RULES, KNOWN).batch == ("b",)
    jobs[1] = replace(jobs[1], used_s=8.0)
    assert decide(0.0, jobs, [], [], RULES, KNOWN).batch == ("a",)


def test_a_job_that_a_fair_share_would_make_late_goes_first() -> None:
    pressed = running("b", shape=LARGE, used_s=90.0, steps=10, deadline=60.0)
    assert decide(0.0, [running("a"), pressed], [], [], RULES, KNOWN).batch == ("b",)


@pytest.mark.parametrize("late", [running("a", deadline=5.0), waiting("a", deadline=5.0), paused("a", deadline=5.0)])
def test_a_job_leaves_when_its_deadline_has_passed(late: Running | Waiting | Paused) -> None:
    places: dict[type, list[Running | Waiting | Paused]] = {Running: [], Waiting: [], Paused: []}
    places[type(late)].append(late)
    for now, leave in ((4.9, ()), (5.0, ("a",))):
        boundary = decide(now, places[Running], places[Waiting], places[Paused], ONE, KNOWN)  # type: ignore[arg-type]
        assert boundary.leave == leave


def test_a_higher_class_pauses_the_running_job_with_most_slack() -> None:
    jobs = [running("a", steps=10), running("b", steps=100), running("c", priority=HIGH, steps=200)]
    boundary = decide(20.0, jobs, [waiting("d", 20.0, priority=HIGH)], [], RULES, KNOWN)
    assert (boundary.pause, boundary.join) == (("b",), ("d",))
    assert "d" in boundary.batch


def test_who_is_paused_is_told_for_whom() -> None:
    rules = replace(ONE, slots=2)
    low = [running("a", priority=LOW), running("b", priority=LOW)]
    found = decide(9.0, low, [waiting("c", 9.0, priority=HIGH), waiting("d", 9.0, priority=NORMAL)], [], rules, KNOWN)
    assert (sorted(found.rivals), sorted(found.rivals.values())) == (["a", "b"], ["c", "d"])
    assert decide(9.0, low, [], [], rules, KNOWN).rivals == {}


def test_an_ordinary_short_job_pauses_a_long_one_that_can_wait_and_not_the_other_way_round() -> None:
    long, short = running("a", steps=1000), waiting("b", 0.0, steps=4)
    assert decide(0.0, [long], [short], [], ONE, KNOWN).pause == ()  # both have just come
    assert decide(3.0, [long], [short], [], ONE, KNOWN).pause == ("a",)
    assert decide(3.0, [running("b", steps=4)], [waiting("a", steps=1000)], [], ONE, KNOWN).pause == ()


def test_a_lower_class_pauses_nobody_however_late_it_is() -> None:
    assert decide(1000.0, [running("a", 999.0)], [waiting("b", 0.0, priority=LOW)], [], ONE, KNOWN).pause == ()


def test_a_paused_job_goes_on_when_a_slot_is_free() -> None:
    boundary = decide(50.0, [], [waiting("b", 49.0)], [paused("a", remaining=3)], ONE, KNOWN)
    assert (boundary.resume, boundary.join, boundary.batch) == (("a",), (), ("a",))


def test_age_lifts_a_job_by_a_class() -> None:
    line = [waiting("old", 0.0, priority=LOW), waiting("new", 290.0, priority=HIGH)]
    assert decide(200.0, [], line, [], ONE, KNOWN).join == ("new",)
    assert decide(291.0, [], line, [], ONE, KNOWN).join == ("old",)


def test_nobody_is_paused_beyond_the_limit() -> None:
    rules = replace(ONE, max_paused=1)
    boundary = decide(9.0, [running("a")], [waiting("b", 9.0, priority=HIGH)], [paused("c")], rules, KNOWN)
    assert boundary == Boundary(batch=("a",))


def test_paused_jobs_are_parked_when_the_device_has_no_room_for_them() -> None:
    rules = replace(ONE, device_bytes=25)
    jobs = [running("a", state_bytes=10), waiting("b", 1.0, priority=HIGH, state_bytes=10)]
    boundary = decide(1.0, jobs[:1], jobs[1:], [paused("c", remaining=1, state_bytes=10)], rules, KNOWN)  # type: ignore[arg-type]
    assert (boundary.pause, boundary.join, boundary.park) == (("a",), ("b",), ("c",))


def test_a_job_without_room_on_the_device_waits_and_is_not_overtaken() -> None:
    rules = replace(RULES, device_bytes=25)
    line = [waiting("b", 1.0, state_bytes=20), waiting("c", 2.0, state_bytes=5)]
    assert decide(2.0, [running("a", state_bytes=10)], line, [], rules, KNOWN) == Boundary(batch=("a",))


def test_a_job_that_is_larger_than_all_room_may_run_alone() -> None:
    assert decide(2.0, [], [waiting("a", state_bytes=99)], [], replace(RULES, device_bytes=9), KNOWN).join == ("a",)


@pytest.mark.parametrize("wrong", [{"max_batch": 0}, {"slots": 0}, {"age_s": 0.0}, {"max_paused": -1}])
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least"):
        Rules(**{"max_batch": 1, "slots": 1, **wrong})


def test_company_of_a_lower_class_that_slows_an_urgent_job_down_stays_away() -> None:
    dear = Profile({(SMALL, 1): 1.0, (SMALL, 2): 1.7}, frozenset({(SMALL, 1), (SMALL, 2)}))
    cheap = Profile({(SMALL, 1): 1.0, (SMALL, 2): 1.1}, frozenset({(SMALL, 1), (SMALL, 2)}))
    jobs = [running("long"), running("urgent", priority=HIGH)]
    assert decide(0.0, jobs, [], [], RULES, dear).batch == ("urgent",)
    assert decide(0.0, jobs, [], [], RULES, cheap).batch == ("urgent", "long")
    assert decide(0.0, jobs, [], [], RULES, UNKNOWN).batch == ("urgent",)  # nobody knows whether a batch pays
    assert set(decide(0.0, [running("a"), running("b")], [], [], RULES, dear).batch) == {"a", "b"}


@pytest.mark.parametrize(
    ("passes", "together"),
    [((0.5, 0.5, 0.5, 0.5), 4), ((1.0, 0.5, 0.5, 1.0), 3), ((1.0, 1.0, 1.0, 1.0), 2), ((0.0, 0.0, 1.0, 1.0), 4)],
)
def test_steps_of_one_pass_take_half_a_place_each(passes: tuple[float, ...], together: int) -> None:
    jobs = [replace(running(name, at), passes=each) for at, (name, each) in enumerate(zip("abcd", passes, strict=True))]
    boundary = decide(9.0, jobs, [], [], replace(RULES, slots=4), KNOWN)
    assert len(boundary.batch) == together


def test_a_forward_is_charged_by_the_passes_that_each_job_ran() -> None:
    assert shares(KNOWN, [SMALL, SMALL], [1.0, 0.5]) == pytest.approx([2 / 3, 1 / 3])
    assert shares(KNOWN, [SMALL, LARGE], [0.5, 0.5]) == pytest.approx([0.2, 0.8])
    assert shares(KNOWN, [SMALL, SMALL], [0.0, 0.0]) == shares(KNOWN, [SMALL, SMALL]) == [0.5, 0.5]
