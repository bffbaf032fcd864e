"""The line that is kept from look to look says what ranking everybody at every look would say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from app.line.dispatch import Dispatch, Pool
from app.line.order import Entry
from app.line.rules import PRIORITIES, Rules
from app.line.waiting_line import WaitingLine, holds_until, ranks, waiting_entry
from app.types import Job, Wishes
from tests.line.make import at_work, job
from tests.line.plain_choice import choose_plainly

POOLS = ("main", "draft", "nowhere")
EPOCH_S = 1_800_000_000.0


def drawn(dice: Random, number: int, now: float, tenants: int, mixed: bool) -> Job:
    tenant = f"tenant-{dice.randrange(tenants)}"
    made = job(
        number,
        dice.choice(POOLS) if mixed else "main",
        dice.choice((0.0, 0.3, 2.0, dice.uniform(1, 90))),
        tenant=tenant,
        priority=dice.choice(list(PRIORITIES)),
        created_at=now - dice.choice((0.0, dice.uniform(0, 300))),
        deadline=None if dice.random() < 0.7 else now + dice.uniform(-5, 200),
        not_before=None if dice.random() < 0.9 else now + dice.uniform(-5, 30),
    )
    if dice.random() < 0.2:
        story = (f"story-{dice.randrange(2)}-of-{tenant}", dice.randrange(6))
        made = replace(made, wishes=replace(made.wishes, storyboard=story))
    return made


def running_of(dice: Random, now: float, tenants: int) -> list[Job]:
    return [
        at_work(
            100_000 + number,
            pool=dice.choice(POOLS[:2]),
            step_seconds=dice.uniform(1, 60),
            step=dice.randrange(20),
            tenant=f"tenant-{dice.randrange(tenants)}",
            priority=dice.choice(list(PRIORITIES)),
            created_at=now - 50.0,
        )
        for number in range(dice.randrange(8))
    ]


def by_pool(jobs: Sequence[Job]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in jobs:
        found.setdefault(one.plan.pool, []).append(one.id)
    return found


def moved_on(dice: Random, line: dict[str, Job], now: float, tenants: int, mixed: bool) -> None:
    """Some come, some go, some change."""
    for _ in range(dice.randrange(8)):
        made = drawn(dice, dice.randrange(200), now, tenants, mixed)
        line[made.id] = made
    for job_id in dice.sample(list(line), min(len(line), dice.randrange(4))):
        changed = replace(line[job_id], fence=line[job_id].fence + 1, priority_now=dice.choice(list(PRIORITIES)))
        if dice.random() < 0.5:
            line[job_id] = changed
        else:
            del line[job_id]


@pytest.mark.parametrize("seed", range(60))
def test_the_kept_line_decides_as_ranking_everybody_anew_does(seed: int) -> None:
    dice = Random(seed)
    tenants, mixed, now = dice.choice((1, 2, 5)), dice.random() < 0.7, EPOCH_S
    most = dice.choice((None, None, 1, 3))
    weights = {"tenant-0": 2.0, "tenant-1": 0.5} if dice.random() < 0.5 else {}
    rules = Rules(max_batch=4, slots=2, most_of_tenant=most, weights=weights, age_s=dice.choice((20.0, 120.0)))
    kept, line = Dispatch(rules), dict[str, Job]()
    starts = {f"tenant-{number}": dice.uniform(0, 50) for number in range(tenants)}
    for _ in range(25):
        moved_on(dice, line, now, tenants, mixed)
        waiting, running = list(line.values()), running_of(dice, now, tenants)
        capacity = {
            name: Pool(dice.randrange(6), sum(one.plan.pool == name for one in running), 1, dice.randrange(5))
            for name in POOLS[:2]
        }
        plain = choose_plainly(waiting, running, capacity, now, rules, lambda _: starts)
        kept.line.observe(waiting)
        start, late = kept.choose(running, capacity, now, lambda _: starts)
        assert by_pool(start) == by_pool(plain.start)
        other_way = dict(reversed(capacity.items()))
        assert by_pool(kept.choose(running, other_way, now, lambda _: starts)[0]) == by_pool(plain.start)
        assert by_pool(kept.left(start, lambda _: starts)) == by_pool(plain.left)
        assert {one.id for one in late} == {one.id for one in plain.late}
        if dice.random() < 0.5:
            for one in start:
                del line[one.id]
        now += dice.choice((0.0, 0.5, 0.5, dice.uniform(0, 3), dice.uniform(0, 100), -dice.uniform(0, 40)))


@pytest.mark.parametrize("seed", range(200))
def test_a_standing_holds_for_as_long_as_it_is_said_to(seed: int) -> None:
    dice = Random(seed)
    rules, now = Rules(max_batch=1, slots=1, age_s=30.0), EPOCH_S
    entry = waiting_entry(drawn(dice, 1, now, 1, mixed=False))
    for _ in range(40):
        one = ranks(now, rules)(entry)
        until = holds_until(one, now, rules)
        if until == float("inf"):
            assert ranks(now + 1e6, rules)(entry).key == one.key
            return
        assert ranks(until, rules)(entry).key == one.key
        assert ranks(until + 0.002, rules)(entry).key != one.key or until <= now + 0.002
        now = max(until + 0.002, now)
    assert now > EPOCH_S


class Counting(WaitingLine):
    """Says how many were ranked since it was asked last."""

    ranked = 0

    def _put(self, job: Job, one: object, now: float) -> None:
        self.ranked += 1
        super()._put(job, one, now)  # type: ignore[arg-type]


def test_a_look_ranks_those_whose_time_has_come_and_nobody_else() -> None:
    line = Counting(Rules(max_batch=1, slots=1))
    line.observe([job(number, step_seconds=60.0, created_at=EPOCH_S - 1) for number in range(1000)])
    line.look(EPOCH_S)
    assert line.ranked == 1000
    for half_seconds in range(1, 20):
        line.look(EPOCH_S + half_seconds / 2)
    assert line.ranked == 1000
    line.add(job(1000, step_seconds=60.0, created_at=EPOCH_S + 9))
    line.look(EPOCH_S + 10)
    assert line.ranked == 1001
    line.look(EPOCH_S + 16)  # a quarter of a minute's work nearer to its end, all of the first thousand
    assert line.ranked == 2001


def test_who_comes_back_under_the_same_id_stands_once() -> None:
    line = WaitingLine(Rules(max_batch=1, slots=1))
    first = job(1, created_at=EPOCH_S)
    line.observe([first])
    line.look(EPOCH_S)
    line.observe([])
    again = replace(first, fence=2, wishes=Wishes(priority="high"))
    line.observe([again])
    assert not line.look(EPOCH_S)
    found: list[Entry] = [one.entry for one in line.in_order("main", {})]
    assert [(one.job_id, one.urgency.priority) for one in found] == [("job-1", PRIORITIES["high"])]
