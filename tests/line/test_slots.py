"""Who gives a slot up to whom, where tenants share them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from app.line.batcher import Boundary, Paused, Profile, Rules, Running, Shape, Urgency, Waiting, decide
from app.line.dispatch import Pool, choose
from app.line.order import Entry, Standing
from app.line.rules import PRIORITIES
from app.line.slots import SlotAssignment, gives_way
from tests.line.make import at_work, job

SMALL: Shape = (17, 64, 64)
LARGE: Shape = (17, 96, 96)
FOUR = Rules(max_batch=1, slots=4)
KNOWN = Profile({(SMALL, 1): 1.0, (SMALL, 2): 1.2, (LARGE, 1): 4.0}, frozenset({(SMALL, 1), (SMALL, 2), (LARGE, 1)}))


def urgency(tenant: str, arrived: float = 0.0, priority: str = "normal", deadline: float | None = None) -> Urgency:
    return Urgency(PRIORITIES[priority], deadline, arrived, tenant)


def runs(name: str, tenant: str, used_s: float = 0.0, shape: Shape = SMALL, stepped: int = 0) -> Running:
    urgent = urgency(tenant)
    return Running(name, shape, urgent, 10, 10, 0.0, stepped=stepped, tenant_used_s=used_s)


def waits(name: str, tenant: str, arrived: float = 1.0, deadline: float | None = None) -> Waiting:
    return Waiting(name, SMALL, urgency(tenant, arrived, deadline=deadline), 10, 10, arrived)


def all_of(tenant: str, count: int = 4) -> list[Running]:
    return [runs(f"{tenant}{n}", tenant) for n in range(count)]


def test_a_tenant_without_a_slot_takes_those_of_its_share_at_the_boundary_and_no_more() -> None:
    line = [waits(f"b{n}", "b") for n in range(4)]
    boundary = decide(1.0, all_of("a"), line, [], FOUR, KNOWN)
    assert (len(boundary.pause), boundary.join) == (2, ("b0", "b1"))
    even = [*all_of("a", 2), *all_of("b", 2)]
    left = [Paused(f"x{n}", SMALL, urgency("a"), 10, 10) for n in range(2)]
    assert decide(2.0, even, line[2:], left, FOUR, KNOWN).pause == (), "and the paused ones do not take them back"


def test_the_only_slot_stays_with_whoever_has_it_and_the_next_goes_to_who_holds_least() -> None:
    one = replace(FOUR, slots=1)
    assert decide(1.0, all_of("a", 1), [waits("b0", "b")], [], one, KNOWN).pause == ()
    three = [*all_of("a", 3), replace(runs("done", "a"), leaving=True)]
    line = [waits("a9", "a", 0.0), waits("b0", "b")]
    assert decide(1.0, three, line, [], FOUR, KNOWN).join == ("b0",)
    assert decide(1.0, three, [line[0]], [], FOUR, KNOWN).join == ("a9",), "no slot is kept empty for a share"


def test_shares_of_slots_go_by_weight() -> None:
    heavy = replace(FOUR, weights={"b": 3.0})
    line = [waits(f"b{n}", "b") for n in range(4)]
    assert len(decide(1.0, all_of("a"), line, [], heavy, KNOWN).pause) == 3


def test_of_all_who_can_give_way_the_tenant_that_holds_most_does() -> None:
    running = [*all_of("a", 1), *all_of("b", 3)]
    assert decide(1.0, running, [waits("c0", "c")], [], FOUR, KNOWN).pause[0].startswith("b")
    high = [Waiting("c0", SMALL, urgency("c", 1.0, "high"), 10, 10, 1.0)]
    assert decide(1.0, running, high, [], FOUR, KNOWN).pause[0].startswith("b")


def test_deadlines_take_no_slot_from_a_tenant_that_holds_less_but_may_from_one_that_holds_as_much() -> None:
    soon = [waits(f"a{n}", "a", 1.0, deadline=12.5) for n in range(8, 12)]
    lone = Running("b0", LARGE, urgency("b"), 50, 50, 0.0)  # which can wait
    assert "b0" not in decide(1.0, [*all_of("a", 3), lone], soon, [], FOUR, KNOWN).pause
    one = replace(FOUR, slots=1)
    assert decide(1.0, [lone], soon[:1], [], one, KNOWN).pause == ("b0",)


def test_the_device_goes_to_the_tenant_that_has_had_least_and_mates_of_its_shape_fill_the_batch() -> None:
    pair = replace(FOUR, max_batch=2)
    running = [*(runs(f"a{n}", "a", 9.0, stepped=n) for n in range(3)), runs("b0", "b", 2.0, stepped=9)]
    assert decide(50.0, running, [], [], pair, KNOWN).batch == ("b0", "a0")
    large = [*running[:3], runs("b0", "b", 2.0, LARGE)]
    assert decide(50.0, large, [], [], pair, KNOWN).batch == ("b0",)
    assert decide(50.0, [*running[:3], runs("b0", "b", 10.0, LARGE)], [], [], pair, KNOWN).batch == ("a0", "a1")


def test_a_more_urgent_class_still_has_the_device_first() -> None:
    high = replace(runs("a9", "a", 9.0), urgency=urgency("a", 0.0, "high"))
    assert decide(1.0, [high, runs("b0", "b", 0.0)], [], [], FOUR, KNOWN).batch == ("a9",)


def test_alone_a_tenant_is_treated_as_if_there_were_no_tenants() -> None:
    named, nameless = ([runs(f"r{n}", tenant, stepped=n) for n in range(3)] for tenant in ("a", ""))
    lines = [[waits(f"w{n}", tenant, float(n), deadline=30.0) for n in range(4)] for tenant in ("a", "")]
    found = [decide(9.0, now, line, [], FOUR, KNOWN) for now, line in zip((named, nameless), lines, strict=True)]
    assert found[0] == found[1] != Boundary()


def leased(line: int, running: int, slots: int, replicas: int = 1, spare: int = 16, guests: int = 0) -> int:
    """How many jobs of a second tenant a pool is given in which the first has all slots."""
    at_once = [at_work(n, tenant="a") for n in range(running)] + [at_work(50 + n, tenant="b") for n in range(guests)]
    pool = {"main": Pool(slots, len(at_once), replicas, spare)}
    comes = [job(100 + n, tenant="b", created_at=1.0) for n in range(line)]
    return len(choose(comes, at_once, pool, 1.0, FOUR).start)


def test_the_dispatcher_leases_beyond_the_slots_what_a_replica_will_let_in_for_a_share() -> None:
    assert leased(line=9, running=8, slots=8) == 4
    assert leased(line=9, running=8, slots=8, guests=3) == 1
    assert leased(line=9, running=8, slots=8, spare=0) == 0
    assert leased(line=9, running=1, slots=1) == 0
    assert leased(line=9, running=3, slots=3, replicas=3) == 0, "each replica has one slot, which stays with its job"
    assert leased(line=9, running=16, slots=16, replicas=2) in (7, 8)


def plainly(kept: list[Standing], held: Counter[str], rival: Standing, rules: Rules) -> Standing | None:
    """Who gives way, by looking at everybody: the definition that the pass's shortcut has to agree with."""

    def share(tenant: str, more: int) -> float:
        return (held[tenant] + more) / rules.weight(tenant)

    def yields(running: Standing) -> bool:
        mine, yours = running.entry.urgency, rival.entry.urgency
        if mine.tenant == yours.tenant or mine.priority != yours.priority:
            return gives_way(running, rival, rules)
        gets = share(yours.tenant, 1)
        return gets <= share(mine.tenant, -1) or (gets <= share(mine.tenant, 0) and gives_way(running, rival, rules))

    def as_victim(one: Standing) -> tuple[float, ...]:
        urgent = one.entry.urgency
        return urgent.priority, -share(urgent.tenant, 0), -one.relative_slack

    return min(filter(yields, kept), key=as_victim, default=None)


@pytest.mark.parametrize("seed", range(40))
def test_of_many_the_one_gives_way_whom_looking_at_everybody_finds(seed: int) -> None:
    dice = Random(seed)
    rules = Rules(4, 12, weights={"t1": 2.0})

    def one(number: int) -> Standing:
        urgent = Urgency(dice.randrange(3), None, 0.0, f"t{dice.randrange(4)}")
        length_s, slack_s = dice.choice([0.0, 1.0, 5.0, 20.0]), dice.uniform(-60, 60)
        relative = max(-3.0, slack_s / length_s) if length_s else -3.0
        entry = Entry(f"j{number}", (), urgent)
        level = min(2, urgent.priority + dice.randrange(2))
        return Standing(entry, (0, 0, 0.0, 0.0, ""), level, length_s * dice.random(), length_s, slack_s, relative)

    kept = [one(number) for number in range(12)]
    slots, held = SlotAssignment(kept, rules), Counter(each.entry.urgency.tenant for each in kept)
    for number in range(30):
        rival = one(100 + number)
        victim = plainly(kept, held, rival, rules)
        assert slots.preempt_for(rival) is (victim is not None)
        if victim is not None:
            kept = [each for each in kept if each is not victim]
            held[victim.entry.urgency.tenant] -= 1
            held[rival.entry.urgency.tenant] += 1
            assert slots.preempted[-1] is victim.entry
        assert slots.kept == kept
        assert slots.lowest == min((each.entry.urgency.priority for each in kept), default=3)
