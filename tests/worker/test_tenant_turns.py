"""Whose files are made next: shares, classes, borrowed time, and that no turn is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from app.line.rules import Rules
from app.worker.tenant_turns import TenantTurns, cores

pytestmark = pytest.mark.anyio


class Bench:
    """Turns of a second each, on a clock that stands still unless somebody works."""

    def __init__(self, rules: Rules, at_once: int = 1) -> None:
        self.now, self.done, self.most, self.busy = 0.0, list[str](), 0, 0
        self.turns = TenantTurns(rules, at_once, lambda: self.now)
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    async def work(self, name: str, tenant: str, priority: str = "normal") -> None:
        async with self.turns.turn(tenant, priority):
            self.busy += 1
            self.most = max(self.most, self.busy)
            self.begun.set()
            await self.go.wait()
            await asyncio.sleep(0)  # the others ask meanwhile
            self.now += 1.0
            self.busy -= 1
            self.done.append(name)

    async def all(self, asked: Sequence[tuple[str, str, str]]) -> list[str]:
        """The order in which they are done, asked for in this order while the first is at work."""
        works = [asyncio.ensure_future(self.work(*each)) for each in asked]
        await self.begun.wait()
        await asyncio.sleep(0)
        self.go.set()
        await asyncio.gather(*works)
        return self.done


def named(tenant: str, count: int, priority: str = "normal") -> list[tuple[str, str, str]]:
    return [(f"{tenant}{n}", tenant, priority) for n in range(count)]


async def test_a_single_tenants_work_is_not_behind_ten_of_another() -> None:
    order = await Bench(Rules(1, 1)).all([*named("many", 11), *named("one", 1)])
    assert order.index("one0") <= 2


async def test_of_two_tenants_with_much_to_do_each_has_half_of_the_turns() -> None:
    order = await Bench(Rules(1, 1)).all([*named("many", 12), *named("few", 6)])
    assert order[:12].count("few5") == 1


async def test_who_comes_has_as_many_turns_before_its_share_as_it_may_borrow() -> None:
    bench = Bench(Rules(1, 1, borrow_s=3.0))
    works = [asyncio.ensure_future(bench.work(*each)) for each in named("many", 12)]
    bench.go.set()
    while len(bench.done) < 6:
        await asyncio.sleep(0)
    works += [asyncio.ensure_future(bench.work(*each)) for each in named("one", 6)]
    await asyncio.gather(*works)
    late = bench.done[6:]
    assert [name[:3] for name in late[:5]].count("one") >= 3
    assert late.index("one5") >= 7, "then its share"


async def test_a_higher_class_is_first_and_no_more_work_than_allowed_is_under_way() -> None:
    bench = Bench(Rules(1, 1), at_once=3)
    order = await bench.all([*named("many", 8), *named("one", 1, "low"), *named("many", 1, "high")[:1]])
    assert bench.most == 3
    assert order[-1] == "one0"


async def test_who_stops_waiting_or_fails_leaves_its_turn_to_the_others() -> None:
    bench = Bench(Rules(1, 1))
    first = asyncio.ensure_future(bench.work("first", "many"))
    await bench.begun.wait()
    gone = asyncio.ensure_future(bench.work("gone", "one"))
    last = asyncio.ensure_future(bench.work("last", "many"))
    await asyncio.sleep(0)
    gone.cancel()
    bench.go.set()
    await asyncio.gather(first, last)
    with pytest.raises(ValueError, match="broken"):
        async with bench.turns.turn("one"):
            raise ValueError("broken")
    await asyncio.wait_for(bench.work("after", "one"), 5)
    assert bench.done == ["first", "last", "after"]


def test_a_core_is_left_to_requests_where_there_are_several() -> None:
    assert cores() >= 1
