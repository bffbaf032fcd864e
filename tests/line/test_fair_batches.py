"""What a batch may cost the tenant that it begins with, and what each tenant gets in the end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from math import inf

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.line.batcher import Profile, Rules, Running, Shape, Urgency, Waiting, decide
from app.line.fair_share import TenantShare
from app.line.packing import Packed
from app.line.rules import PRIORITIES
from tests.line.replica import Play, Played

SHAPE: Shape = (9, 64, 64)
OTHER: Shape = (17, 64, 64)
NORMAL, HIGH = PRIORITIES["normal"], PRIORITIES["high"]
LONG = 400  # steps: never over


def profile(*seconds: float) -> Profile:
    """Of a step of 1, 2, … jobs."""
    times = {(SHAPE, size): each for size, each in enumerate(seconds, 1)}
    return Profile(times, frozenset(times))


def runs(name: str, tenant: str, used_s: float = 0.0, shape: Shape = SHAPE, priority: int = NORMAL) -> Running:
    return Running(name, shape, Urgency(priority, None, 0.0, tenant), 10, 10, 0.0, tenant_used_s=used_s)


def batch_of(running: list[Running], rules: Rules, known: Profile) -> tuple[str, ...]:
    return decide(1.0, running, [], [], rules, known).batch


DEAR = profile(1.0, 1.7, 2.4, 3.0)
CHEAP = profile(1.0, 1.05, 1.1, 1.15)
FOUR = Rules(max_batch=4, slots=8)
CROWD = [runs("one", "single"), *(runs(f"m{n}", "many", 9.0) for n in range(7))]


def test_mates_of_a_tenant_that_has_had_more_join_as_far_as_the_share_of_the_one_that_begins_allows() -> None:
    assert len(batch_of(CROWD, FOUR, DEAR)) == 2, "of two tenants each may be slowed to the half"
    assert len(batch_of(CROWD, FOUR, CHEAP)) == 4, "a device that is not full slows nobody"
    assert batch_of(CROWD, replace(FOUR, weights={"single": 3.0}), DEAR) == ("one",), "it has three quarters"
    third = [*CROWD, runs("t", "third", 9.0)]
    assert len(batch_of(third, FOUR, DEAR)) == 4, "of three each may be slowed to a third"


def test_a_tenants_own_jobs_are_as_many_as_without_the_limit() -> None:
    own = [runs(f"s{n}", "single") for n in range(4)]
    assert set(batch_of([*own, *CROWD[1:]], FOUR, DEAR)) == {one.job_id for one in own}
    two = batch_of([*own[:2], *CROWD[1:]], FOUR, DEAR)
    assert len(two) == 4, "3.0 is less than twice 1.7"
    assert two[:2] == ("s0", "s1")


def test_who_is_above_the_others_classes_is_slowed_as_by_any_company_of_a_lower_one() -> None:
    urgent = [replace(CROWD[0], urgency=Urgency(HIGH, None, 0.0, "single")), *CROWD[1:]]
    assert batch_of(urgent, FOUR, DEAR) == ("one",)
    assert len(batch_of(urgent, FOUR, CHEAP)) == 4


def test_other_shapes_are_packed_with_it_as_far_as_its_share_allows() -> None:
    single = {(SHAPE, 1): 1.0, (OTHER, 1): 1.5, (OTHER, 2): 2.2}
    mix = ((SHAPE, 1), (OTHER, 1))
    for mix_s, together in ((1.9, 2), (2.05, 1)):
        packed = Packed({mix: mix_s}, frozenset({mix}))
        known = Profile(single, frozenset(single), packed=packed)
        both = [CROWD[0], runs("m", "many", 9.0, OTHER)]
        assert len(batch_of(both, Rules(max_batch=2, slots=2, pack=True), known)) == together


def test_who_comes_during_a_turn_stands_where_the_least_stood_when_it_began() -> None:
    share = TenantShare()
    share.enter("many", ())
    for _ in range(3):
        share.charge([("many", 1.0), ("many", 1.0)])
    assert share.starts({"many"})["single"] == 4.0
    share.enter("single", {"many"})
    assert share.used_s("single") == 4.0
    share.charge([("single", 5.0)])
    share.enter("third", {"many"})  # the single one's last job has left
    assert share.starts({"many", "third"})["single"] == 9.0, "it is still ahead of those who stayed"
    share.enter("many", ())
    assert share.starts({"many"})["single"] == share.used_s("many"), "an idle device is owed nothing"


def test_a_newcomer_has_the_first_turn_and_who_comes_back_ahead_of_others_has_not() -> None:
    one = Rules(max_batch=1, slots=8)
    comes = Waiting("new", SHAPE, Urgency(arrived=0.5, tenant="single"), 10, 10, 0.5)
    for stands, first in ((8.0, "new"), (9.5, "m0")):

        def starts(_: Collection[str], stands: float = stands) -> dict[str, float]:
            return {"single": stands, "many": 9.0}

        assert decide(1.0, CROWD[1:], [comes], [], one, DEAR, starts).batch == (first,)


weights = st.fixed_dictionaries({"one": st.sampled_from([0.5, 1.0, 3.0]), "other": st.just(1.0)})
costs = st.floats(0.05, 1.1)


def play(jobs: list[Played], rules: Rules, cost: float) -> Play:
    """Where a step of n jobs takes 1 + (n - 1) * cost seconds."""
    return Play(jobs, rules, {(SHAPE, size): 1 + (size - 1) * cost for size in range(1, rules.max_batch + 1)})


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    cost=costs,
    max_batch=st.integers(1, 8),
    slots=st.integers(2, 9),
    arrives=st.floats(0.0, 20.0),
    steps=st.integers(1, 20),
    weights=weights,
    others=st.integers(1, 3),
)
def test_a_single_job_beside_others_full_lines_takes_no_longer_than_at_its_share_of_the_device(
    cost: float, max_batch: int, slots: int, arrives: float, steps: int, weights: dict[str, float], others: int
) -> None:
    slots = max(slots, others + 1)
    rules = Rules(max_batch=max_batch, slots=slots, weights=weights, age_s=inf)
    crowd = [Played(f"m{n}", SHAPE, 0.0, [True] * LONG, tenant=f"other{n % others or ''}") for n in range(3 * slots)]
    single = Played("single", SHAPE, arrives, [True] * steps, tenant="one")
    game = play([*crowd, single], rules, cost)
    while single.place in ("coming", "waiting", "paused"):  # a share may be too small for a slot at once
        game.step()
        assert game.number < 500
    joined, longest = game.now, max(game.times.values())
    while single.place != "left":
        game.step()
    share = rules.weight("one") / (rules.weight("one") + others)
    assert game.now - joined <= steps / share + 2 * longest / share + 1e-6


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cost=costs, max_batch=st.integers(1, 8), slots=st.integers(4, 9), weights=weights)
def test_of_two_tenants_with_many_jobs_each_has_its_share_of_the_device_whoever_fills_the_batches(
    cost: float, max_batch: int, slots: int, weights: dict[str, float]
) -> None:
    rules = Rules(max_batch=max_batch, slots=slots, weights=weights, age_s=inf)
    lines = [Played(f"{t}{n}", SHAPE, 0.0, [True] * LONG, tenant=t) for t in ("one", "other") for n in range(9)]
    game = play(lines, rules, cost)
    for _ in range(120):
        game.step()
    started = {job.tenant for job in game.at("running")}
    assert started == {"one", "other"}
    used = {tenant: game.tenant_share.used_s(tenant) for tenant in started}
    few = min(started, key=lambda tenant: sum(job.tenant == tenant for job in game.at("running")))
    count = sum(job.tenant == few for job in game.at("running"))
    if count >= max_batch:  # it can fill whatever batch its turns make
        assert abs(used["one"] - used["other"]) <= 2 * max(game.times.values()) / min(weights.values()) + 1e-6
    for tenant in started:  # and neither starves
        assert used[tenant] * rules.weight(tenant) > 0.05 * game.now


@settings(max_examples=80, deadline=None)
@given(
    cost=costs, max_batch=st.integers(1, 6), slots=st.integers(1, 8), lengths=st.lists(st.integers(1, 30), max_size=12)
)
def test_one_tenants_boundaries_are_those_of_nobody_in_particular(
    cost: float, max_batch: int, slots: int, lengths: list[int]
) -> None:
    rules = Rules(max_batch=max_batch, slots=slots)

    def played(tenant: str) -> Play:
        jobs = [Played(f"j{n}", SHAPE, n / 3, [True] * length, tenant=tenant) for n, length in enumerate(lengths)]
        return play(jobs, rules, cost).run()

    assert played("one").boundaries == played("").boundaries


@settings(max_examples=40, deadline=None)
@given(first=st.integers(1, 5), steps=st.integers(1, 8))
def test_a_stream_of_short_jobs_gets_no_more_than_its_share(first: int, steps: int) -> None:
    rules = Rules(max_batch=1, slots=2, age_s=inf)
    stream = [Played(f"s{n}", SHAPE, float(first), [True] * steps, tenant="one") for n in range(200)]
    game = play([*stream, Played("long", SHAPE, 0.0, [True] * LONG, tenant="other")], rules, 1.0)
    for _ in range(150):
        game.step()
    assert abs(len(game.jobs["long"].taken) - sum(len(job.taken) for job in stream)) <= first + steps + 2
