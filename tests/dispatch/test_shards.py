"""Several dispatchers: each pool is one's at a time; one that dies or stands still is replaced and writes no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.dispatch.dispatcher import Dispatcher
from app.dispatch.holding import SETTLE_S, TTL_S
from app.errors import ShardLost
from app.jobs.board import BACKLOG, PLACES
from app.jobs.shards import HOUSE
from app.line.backlog import Backlog, backlog_from_note
from app.line.queue_places import places_from_note
from app.settings import Settings
from app.stores import Stores, memory_stores
from app.types import Job
from tests.dispatch.test_dispatcher import ManualTime
from tests.dispatch.workers import PlayedWorkers, Silent, a_replica
from tests.jobs.make import PLAN, a_job

pytestmark = pytest.mark.anyio
POOLS = ("main", "draft", "words")


class House:
    """Dispatchers on the same stores, in time that the test moves."""

    def __init__(self, **settings: Any) -> None:
        self.time = ManualTime()
        self.settings = Settings(**settings)
        self.stores: Stores = memory_stores(self.settings, self.time.wall, self.time.monotonic)
        self.workers = PlayedWorkers(self.stores)
        self.dispatchers: dict[str, Dispatcher] = {}

    def begin(self, *names: str) -> None:
        for name in names:
            self.dispatchers[name] = Dispatcher(
                *(self.settings, self.stores, self.workers, self.workers, Silent(), POOLS, self.time.monotonic),
                name=name,
            )

    async def passes(self, *names: str, after: float = SETTLE_S + 0.1, rounds: int = 4) -> None:
        """Everybody looks, again and again."""
        for _ in range(rounds):
            self.time.passed_s += after
            for name in names or list(self.dispatchers):
                await self.dispatchers[name].run_pass()

    def holding(self, name: str) -> set[str]:
        held = self.dispatchers[name]._holding
        return {*held.pools, *([HOUSE] if held.house else [])}

    async def replicas(self, pools: Sequence[str] = POOLS, slots: int = 1) -> None:
        for pool in pools:
            await self.stores.jobs.announce(a_replica(f"of-{pool}", pool, slots), 1e9)

    async def add(self, pool: str, **changed: Any) -> Job:
        job = a_job(self.time.wall(), plan=replace(PLAN, pool=pool), **changed)
        await self.stores.jobs.create(job)
        return job

    async def backlog(self) -> Backlog:
        found = backlog_from_note(await self.stores.board.get(BACKLOG))
        assert found is not None
        return found


@pytest.fixture
async def build() -> AsyncIterator[Callable[..., House]]:
    made: list[House] = []

    def begin(**settings: Any) -> House:
        made.append(House(**settings))
        return made[-1]

    yield begin
    for house in made:
        for dispatcher in house.dispatchers.values():
            await dispatcher.close()


async def test_the_first_takes_everything_and_gives_up_half_when_another_comes(build: Callable[..., House]) -> None:
    house = build()
    house.begin("one")
    await house.passes("one", rounds=1)
    assert house.holding("one") == {*POOLS, HOUSE}
    house.begin("two")
    await house.passes()
    assert [len(house.holding(name)) for name in ("one", "two")] == [2, 2]
    assert house.holding("one") | house.holding("two") == {*POOLS, HOUSE}


async def test_each_leases_for_its_own_pools_and_readers_see_one_backlog(build: Callable[..., House]) -> None:
    house = build()
    house.begin("one", "two")
    await house.replicas()
    await house.passes()
    jobs = [await house.add(pool) for pool in POOLS for _ in range(3)]
    await house.passes(after=0.2, rounds=3)
    assert sorted(given.pool for given in house.workers.given) == sorted(POOLS)
    backlog = await house.backlog()
    assert (backlog.jobs, backlog.running) == (6, 3)
    assert {name: (row.jobs, row.running) for name, row in (backlog.pools or {}).items()} == dict.fromkeys(
        POOLS, (2, 1)
    )
    places = places_from_note(await house.stores.board.get(PLACES)).jobs
    waiting = {job.id for job in jobs} - {given.job_id for given in house.workers.given}
    assert set(places) == waiting


async def test_who_dies_is_replaced_when_its_leases_have_run_out_and_not_before(build: Callable[..., House]) -> None:
    house = build()
    house.begin("one", "two")
    await house.replicas()
    await house.passes()
    lost = house.holding("two")
    pool = next(shard for shard in sorted(lost) if shard != HOUSE)
    job = await house.add(pool)
    await house.passes("one", after=SETTLE_S, rounds=1)
    assert not house.workers.given
    await house.passes("one", after=TTL_S / 2, rounds=3)
    assert house.holding("one") == {*POOLS, HOUSE}
    await asyncio.sleep(0)
    assert [given.job_id for given in house.workers.given] == [job.id]


async def test_who_stood_still_for_longer_than_its_lease_is_refused_by_the_store(build: Callable[..., House]) -> None:
    house = build()
    house.begin("one", "two")
    await house.replicas()
    await house.passes()
    frozen = house.dispatchers["two"]
    pool = next(shard for shard in sorted(house.holding("two")) if shard != HOUSE)
    under = frozen._holding.under(pool)
    await house.passes("one", after=TTL_S / 2, rounds=3)
    job, jobs, board = await house.add(pool), house.stores.jobs, house.stores.board
    told = await board.get(BACKLOG)
    with pytest.raises(ShardLost):
        await jobs.lease(job.id, pool, 30.0, house.time.wall(), under)
    with pytest.raises(ShardLost):
        await board.put(BACKLOG, {"jobs": 99}, 10.0, under)
    assert await board.get(BACKLOG) == told
    assert await jobs.position(job.id) == 0
    with pytest.raises(ShardLost):  # nor does it believe that it still may
        frozen._holding.under(pool)
    await house.passes()
    assert [len(house.holding(name)) for name in ("one", "two")] == [2, 2]
    assert [given.job_id for given in house.workers.given] == [job.id]


async def test_a_pass_that_finds_its_pool_taken_over_settles_at_the_next(build: Callable[..., House]) -> None:
    house = build()
    house.begin("one")
    await house.replicas()
    await house.passes("one", rounds=1)
    taken = house.dispatchers["one"]._holding.under("main")
    assert taken is not None
    await house.stores.shards.release("one", [taken])
    assert await house.stores.shards.take("main", "another", TTL_S) is not None
    job = await house.add("main")
    with pytest.raises(ShardLost):
        await house.dispatchers["one"].run_pass()
    assert await house.stores.jobs.position(job.id) == 0
    house.dispatchers["one"]._holding.doubt()
    await house.dispatchers["one"].run_pass()
    assert "main" not in house.holding("one")


async def test_a_tenants_limit_holds_over_all_dispatchers(build: Callable[..., House]) -> None:
    house = build(tenant_max_running=2)
    house.begin("one", "two")
    await house.replicas(slots=4)
    await house.passes()
    for pool in POOLS:
        for _ in range(3):
            await house.add(pool)
    seen = [await dispatcher._look(house.stores.clock()) for dispatcher in house.dispatchers.values()]
    for dispatcher, look in zip(house.dispatchers.values(), seen, strict=True):  # both decide by what neither has done
        dispatcher._line.line.observe(look.waiting)
        start, _ = dispatcher._line.choose(look.running, look.capacity, look.now)
        for job in start:
            await dispatcher._attempts.start(job)
    assert len(await house.stores.jobs.leases()) == 2


async def test_what_was_charged_for_a_pool_goes_with_it(build: Callable[..., House]) -> None:
    house = build(tenant_borrow_s=0.0)  # so that a tenant that comes stands at nothing
    house.begin("one", "two")
    await house.replicas()
    await house.passes()
    pool = next(shard for shard in sorted(house.holding("two")) if shard != HOUSE)
    await house.add(pool, tenant="busy")
    await house.passes(after=0.1, rounds=1)
    await house.passes("one", after=TTL_S / 2, rounds=3)
    shares = house.dispatchers["one"]._accounts._shares
    assert shares is not None
    assert shares.starts(pool)["busy"] > 0.0


async def test_who_is_told_to_stop_gives_up_its_shards_at_once(build: Callable[..., House]) -> None:
    house = build()
    house.begin("one", "two")
    await house.passes()
    await house.dispatchers.pop("two").close()
    await house.passes("one", rounds=1)
    assert house.holding("one") == {*POOLS, HOUSE}


async def test_who_has_the_house_again_tells_nothing_of_what_went_in_good_order_meanwhile(
    build: Callable[..., House],
) -> None:
    house = build()
    house.begin("one")
    await house.replicas()
    await house.passes("one", rounds=1)
    one, shards = house.dispatchers["one"], house.stores.shards
    under = one._holding.under(HOUSE)
    assert under is not None
    await shards.release("one", [under])
    elsewhere = await shards.take(HOUSE, "two", 2 * TTL_S)
    assert elsewhere is not None
    await house.passes("one", rounds=1)
    assert HOUSE not in house.holding("one")
    await house.stores.jobs.announce(a_replica("of-main", "main"), -1.0)  # gone, as another has seen
    await shards.release("two", [elsewhere])
    await house.passes("one", rounds=2)
    assert HOUSE in house.holding("one")
    assert await house.stores.recoveries.recent(9) == []


async def test_a_dispatcher_that_has_lost_the_house_begins_no_more_of_its_work(build: Callable[..., House]) -> None:
    house = build()
    house.begin("one")
    await house.passes("one", rounds=1)
    one = house.dispatchers["one"]
    seen = await one._look(house.stores.clock())
    house.time.passed_s += TTL_S
    with pytest.raises(ShardLost):
        await one._keep_house(seen, house.stores.clock())
