"""What a tenant that comes may have before its share, in batcher and line, and that it pays all of it back."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.line.batcher import Profile, Running, Shape, Urgency, decide
from app.line.dispatch import Pool, choose
from app.line.fair_share import TenantShare
from app.line.rules import Rules
from app.line.tenant_shares import TenantShares
from app.line.tenant_waits import with_tenants
from app.line.wait_estimates import measure, wait_of
from app.types import Job, Phase
from tests.line.make import at_work, job
from tests.line.replica import Play, Played

SHAPE: Shape = (9, 64, 64)
LONG = 4000  # steps: never over
BORROW_S = 6.0
RULES = Rules(max_batch=1, slots=2, borrow_s=BORROW_S, age_s=inf)
DEAR = {(SHAPE, 1): 1.0, (SHAPE, 2): 1.7, (SHAPE, 3): 2.4, (SHAPE, 4): 3.0}
slow = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def flood(count: int = 9) -> list[Played]:
    return [Played(f"m{n}", SHAPE, 0.0, [True] * LONG, tenant="many") for n in range(count)]


def until_left(game: Play, name: str) -> float:
    while game.jobs[name].place != "left":
        game.step()
    return game.now


@pytest.mark.parametrize(("borrow_s", "most"), [(BORROW_S, 1.25 * 5 + 3.0), (0.0, inf)])
def test_a_single_job_no_longer_than_what_may_be_borrowed_is_hardly_slowed_by_a_flood(
    borrow_s: float, most: float
) -> None:
    rules = Rules(max_batch=4, slots=8, borrow_s=borrow_s, age_s=inf)
    game = Play([*flood(), Played("single", SHAPE, 40.0, [True] * 5, tenant="one")], rules, DEAR)
    took = until_left(game, "single") - 40.0
    assert took <= most
    assert borrow_s or took > 1.25 * 5 + 3.0, "at its share it takes longer"


def test_a_job_longer_than_that_goes_on_at_its_share() -> None:
    game = Play([*flood(), Played("single", SHAPE, 40.0, [True] * 10, tenant="one")], RULES, DEAR)
    took = until_left(game, "single") - 40.0
    assert took == pytest.approx(BORROW_S + 2 * (10 - BORROW_S), abs=2.0), "the rest at its share"


@slow
@given(
    gaps=st.lists(st.tuples(st.floats(0.1, 30.0), st.integers(1, 12)), min_size=1, max_size=25),
    weight=st.sampled_from([0.5, 1.0, 3.0]),
    borrow_s=st.sampled_from([0.0, 2.0, 10.0]),
    max_batch=st.integers(1, 4),
)
def test_whatever_the_pattern_a_tenant_is_never_further_ahead_of_one_who_stays_than_it_may_borrow(
    gaps: list[tuple[float, int]], weight: float, borrow_s: float, max_batch: int
) -> None:
    rules = Rules(max_batch, slots=6, borrow_s=borrow_s, age_s=inf, weights={"one": weight})
    at, jobs = 0.0, list[Played]()
    for n, (gap_s, steps) in enumerate(gaps):
        at += gap_s
        jobs.append(Played(f"s{n}", SHAPE, at, [True] * steps, tenant="one"))
    game = Play([*flood(), *jobs], rules, DEAR)
    least, step_s = 0.0, max(DEAR.values()) / min(1.0, weight)
    while any(each.place != "left" for each in jobs) and game.number < 400:
        game.step()
        apart = game.had_s["one"] - game.had_s["many"]
        assert apart - least <= borrow_s / weight + 3 * step_s, "over any span of time"
        least = min(least, apart)


def test_of_two_who_stay_each_has_its_share_though_both_came_on_borrowed_time() -> None:
    other = [Played(f"o{n}", SHAPE, 30.0, [True] * LONG, tenant="other") for n in range(9)]
    game = Play([*flood(), *other], replace(RULES, slots=6), DEAR)
    while game.now < 30.0:
        game.step()
    before, ahead = game.had_s["many"], list[float]()
    for _ in range(100):
        game.step()
        ahead.append(game.had_s["other"] - (game.had_s["many"] - before))
    assert max(ahead) <= BORROW_S + 2.5
    assert ahead[-1] >= BORROW_S - 2.0, "it borrows once, and no more; then each has half"


def test_who_leaves_and_comes_again_has_borrowed_once() -> None:
    share = TenantShare(RULES.borrow)
    share.enter("many", ())
    share.charge([("many", 20.0)])
    share.charge([("many", 1.0)])
    share.enter("one", {"many"})
    stood = share.used_s("many") - 1.0 - BORROW_S  # where the others stood when the turn under way began
    assert share.used_s("one") == stood
    share.charge([("one", BORROW_S)])
    for _ in range(3):  # it comes and goes
        share.enter("one", {"many"})
        assert share.used_s("one") == stood + BORROW_S, "nothing is gained by that"
    share.charge([("many", 4.0)])
    share.charge([("many", 1.0)])
    share.enter("one", {"many"})
    starts = share.starts({"many", "one"})
    assert starts.floor - starts["one"] == pytest.approx(5.0), "the others have come up by as much"


def test_company_of_those_who_do_not_borrow_stays_away_where_it_slows_the_one_who_does() -> None:
    share = TenantShare(RULES.borrow)
    share.enter("many", ())
    share.charge([("many", 20.0)])
    share.enter("single", {"many"})

    def runs(name: str, tenant: str) -> Running:
        return Running(name, SHAPE, Urgency(tenant=tenant), 10, 10, 0.0, tenant_used_s=share.used_s(tenant))

    crowd = [runs("one", "single"), *(runs(f"m{n}", "many") for n in range(7))]
    rules = Rules(max_batch=4, slots=8, borrow_s=BORROW_S)
    cheap = {key: 1.0 + seconds / 100 for key, seconds in DEAR.items()}
    for times, size in ((DEAR, 1), (cheap, 4)):
        batch = decide(1.0, crowd, [], [], rules, Profile(times, frozenset(times)), share.starts).batch
        assert (batch[0], len(batch)) == ("one", size)
    share.enter("third", {"many", "single"})
    three = [*crowd, runs("t", "third")]
    batch = decide(1.0, three, [], [], rules, Profile(DEAR, frozenset(DEAR)), share.starts).batch
    assert set(batch) == {"one", "t"}, "two who borrow share as any two do"


# The line

LINE = Rules(max_batch=4, slots=1, borrow_s=BORROW_S, weights={"double": 2.0})


def started(line: list[Job], shares: TenantShares, turns: int) -> list[Job]:
    """Those who start on a device that makes one at a time."""
    left, found = list(line), list[Job]()
    while left and len(found) < turns:
        shares.observe(left, [], 10.0)
        (one,) = choose(left, [], {"main": Pool(1, 0, 1)}, 10.0, LINE, shares.starts).start
        shares.charge([one])
        shares.settle(one.id, replace(one, phase=Phase.COMPLETED))
        left.remove(one)
        found.append(one)
    return found


def many(count: int = 40, first: int = 0) -> list[Job]:
    return [job(first + n, tenant="many", created_at=0.0) for n in range(count)]


def test_in_the_line_so_much_work_goes_first_and_the_rest_in_turn() -> None:
    shares = TenantShares(LINE)
    started(many(20), shares, 10)
    few = [job(100 + n, tenant="few", created_at=9.0) for n in range(8)]
    order = [each.tenant for each in started([*many(20, 200), *few], shares, 9)]
    assert order[:3] == ["few"] * 3, "6 of its 16 step-seconds"
    assert order[3:].count("few") == 3, "then each has its share"


@slow
@given(
    bursts=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6), st.floats(0.5, 4.0)), min_size=1, max_size=15),
    tenant=st.sampled_from(["double", "few"]),
)
def test_whatever_it_asks_for_and_when_a_tenant_starts_no_more_before_one_who_waits_than_it_may_borrow(
    bursts: list[tuple[int, int, float]], tenant: str
) -> None:
    shares, crowd, waits = TenantShares(LINE), many(300), list[Job]()
    weight, largest, apart, least, number = LINE.weight(tenant), 4.0, 0.0, 0.0, 1000
    for pause, count, length_s in bursts:
        for turn in range(pause + count):
            if turn == pause:
                new = [job(number + n, tenant=tenant, step_seconds=length_s, created_at=9.0) for n in range(count)]
                waits, number = [*waits, *new], number + count
            (one,) = started([*crowd, *waits], shares, 1)
            (crowd if one in crowd else waits).remove(one)
            length = one.plan.estimate.step_seconds
            apart += length / weight if one.tenant == tenant else -length
            assert apart - least <= BORROW_S / weight + 2 * largest + 1e-6
            least = min(least, apart)


def test_a_note_carries_on_how_far_each_may_borrow() -> None:
    shares = TenantShares(LINE)
    shares.observe([*many(3), job(9, tenant="few")], [], 5.0)
    shares.charge([job(9, tenant="few", step_seconds=4.0)])
    again = TenantShares(LINE, shares.note())
    again.observe([*many(3), job(10, tenant="few")], [at_work(9, tenant="few", step_seconds=4.0)], 5.0)
    again.observe(many(3), [], 5.0)
    assert again.starts("main")["few"] == pytest.approx(4.0 - BORROW_S, abs=1e-3), "also of one who has gone"


def test_a_promise_counts_that_one_who_was_there_lately_may_come_and_borrow() -> None:
    waits = {}
    for rules in (LINE, replace(LINE, borrow_s=0.0)):
        shares, line = TenantShares(rules), many(10)
        shares.observe([], [at_work(90 + n, tenant="few") for n in range(2)], 1.0)
        shares.observe(line, [at_work(50 + n, tenant="many", step_seconds=9.0) for n in range(2)], 2.0)
        pool = {"main": Pool(2, 2, 1)}
        backlog = with_tenants(measure(line, [], pool, 10.0), line, [], pool, rules, shares, 1e9)
        waits[rules.borrow_s] = [wait_of(backlog, job(900, tenant=tenant)) for tenant in ("many", "new")]
    assert waits[BORROW_S][0] == waits[0.0][0] + BORROW_S
    assert waits[BORROW_S][1] <= waits[0.0][1], "who has not borrowed waits for nobody who might"
