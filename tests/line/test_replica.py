from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.line.batcher import Rules, Shape
from app.line.rules import PRIORITIES
from tests.line.replica import Play, Played

SHAPES: list[Shape] = [(17, 64, 64), (17, 96, 96), (5, 8, 8)]
LOW, NORMAL, HIGH = PRIORITIES["low"], PRIORITIES["normal"], PRIORITIES["high"]

rules = st.builds(
    Rules,
    max_batch=st.integers(1, 4),
    slots=st.integers(1, 5),
    max_paused=st.integers(0, 4),
    device_bytes=st.none() | st.integers(5, 60),
    age_s=st.sampled_from([3.0, 30.0, 120.0]),
    grain=st.sampled_from([0.05, 0.25]),
)
step_times = st.lists(st.floats(0.05, 3.0), min_size=3, max_size=3)
batch_costs = st.lists(st.floats(0.1, 1.1), min_size=3, max_size=3)
jobs = st.builds(
    Played,
    name=st.just(""),
    shape=st.sampled_from(SHAPES),
    arrives=st.floats(0, 40),
    mask=st.lists(st.booleans(), max_size=9).map(lambda rest: [True, *rest]),
    priority=st.sampled_from([LOW, NORMAL, HIGH]),
    deadline_s=st.none() | st.floats(0, 60),
    stopped_s=st.none() | st.none() | st.floats(0, 30),
    fails_at=st.none() | st.none() | st.integers(0, 9),
    state_bytes=st.integers(0, 20),
    tenant=st.sampled_from(["one", "other", "third"]),
)


def times(step_s: list[float], cost: list[float]) -> dict[tuple[Shape, int], float]:
    """A batch of n takes 1 + (n - 1) * cost times as long as one job."""
    return {
        (shape, batch): step_s[place] * (1 + (batch - 1) * cost[place])
        for place, shape in enumerate(SHAPES)
        for batch in (1, 2, 3, 4)
    }


def named(played: list[Played]) -> list[Played]:
    return [replace(job, name=f"job-{place}", mask=list(job.mask), taken=[]) for place, job in enumerate(played)]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rules=rules, played=st.lists(jobs, max_size=16), step_s=step_times, cost=batch_costs)
def test_no_job_is_lost_or_doubled_no_limit_is_passed_and_no_boundary_is_idle(
    rules: Rules, played: list[Played], step_s: list[float], cost: list[float]
) -> None:
    play = Play(named(played), rules, times(step_s, cost)).run()
    for job in play.jobs.values():
        untroubled = job.deadline_s is None and job.stopped_s is None and job.fails_at is None
        assert job.taken == job.mask or not untroubled, "it is done, each step once"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    length=st.integers(1, 12),
    short=st.integers(1, 12),
    slots=st.integers(1, 4),
    priority=st.sampled_from([NORMAL, HIGH]),
    mine=st.sampled_from([LOW, NORMAL]),
    load=st.floats(0.5, 3.0),
)
def test_nobody_starves_however_many_more_urgent_jobs_come(
    length: int, short: int, slots: int, priority: int, mine: int, load: float
) -> None:
    rules = Rules(max_batch=1, slots=slots, age_s=30.0)
    step_s = {(SHAPES[0], 1): 1.0, (SHAPES[1], 1): 1.0}
    stream = [
        Played(f"urgent-{place}", SHAPES[place % 2], place * short / load, [True] * short, priority)
        for place in range(int(2000 * load / short))
    ]
    patient = Played("patient", SHAPES[0], 3.0, [True] * length, mine)
    play = Play([*stream, patient], rules, step_s)
    climb_s = 2 * rules.age_s + slots * short
    bound_s = 10 * climb_s + length * (1 / rules.aged_share + slots * short + 2)
    while patient.place != "left" and play.now < 3 + bound_s:
        play.step()
    assert patient.place == "left"


@settings(max_examples=100, deadline=None)
@given(
    running=st.lists(st.integers(20, 60), min_size=1, max_size=4),
    shapes=st.lists(st.sampled_from(SHAPES), min_size=5, max_size=5),
    spare=st.integers(0, 1),
    arrives=st.floats(1, 19),
    step_s=step_times,
)
def test_an_urgent_job_waits_two_steps_at_most(
    running: list[int], shapes: list[Shape], spare: int, arrives: float, step_s: list[float]
) -> None:
    rules = Rules(max_batch=4, slots=len(running) + spare)
    long = [Played(f"long-{place}", shapes[place], 0.0, [True] * steps) for place, steps in enumerate(running)]
    urgent = Played("urgent", shapes[4], arrives, [True] * 4, HIGH)
    play = Play([*long, urgent], rules, times(step_s, [0.5, 0.5, 0.5])).run()
    before = [boundary for boundary in play.boundaries if "urgent" in boundary.join]
    start = play.boundaries.index(before[0])
    assert all("urgent" in boundary.batch for boundary in play.boundaries[start : start + 4])
    assert urgent.first_step is not None
    assert urgent.first_step - arrives <= 2 * max(play.times.values())


@settings(max_examples=100, deadline=None)
@given(step_s=step_times, lengths=st.lists(st.integers(30, 60), min_size=3, max_size=3))
def test_each_shape_gets_its_share_of_time_and_no_more(step_s: list[float], lengths: list[int]) -> None:
    played = [Played(f"job-{place}", shape, 0.0, [True] * 1000) for place, shape in enumerate(SHAPES)]
    play = Play(played, Rules(max_batch=1, slots=3, patience=1e9), times(step_s, [1.0] * 3))
    for _ in range(sum(lengths)):
        play.step()
    used = [len(job.taken) * step_s[place] for place, job in enumerate(played)]
    assert max(used) - min(used) <= 2 * max(step_s) + 1e-6


@settings(max_examples=100, deadline=None)
@given(first=st.integers(2, 200), second=st.integers(2, 200), later=st.floats(0, 100), step_s=st.floats(0.1, 5))
def test_two_jobs_do_not_swap_back_and_forth(first: int, second: int, later: float, step_s: float) -> None:
    played = [
        Played("first", SHAPES[0], 0.0, [True] * first),
        Played("second", SHAPES[0], later * step_s, [True] * second),
    ]
    play = Play(played, Rules(max_batch=1, slots=1), times([step_s] * 3, [1.0] * 3)).run()
    turns = [boundary.batch for boundary in play.boundaries if boundary.batch]
    assert sum(one != other for one, other in pairwise(turns)) <= 2
    assert play.pauses <= 1
