"""Leases of shards, in memory and in Redis: one holder at a time, terms that grow, writes that show them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.errors import IllegalTransition, ShardLost, TenantFull
from app.jobs.board import Board
from app.jobs.shards import HOUSE, ShardLease, Shards
from app.jobs.store import JobStore
from app.redis.connection import Client
from app.settings import Settings
from app.stores import Stores, memory_stores, stores_on
from tests.jobs.make import a_job
from tests.redis_server import MEMORY_AND_REDIS
from tests.waiting import until

pytestmark = pytest.mark.anyio
LONG_S, SHORT_S = 60.0, 0.05


@pytest.fixture(params=MEMORY_AND_REDIS)
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        return memory_stores(Settings())
    redis: Client = request.getfixturevalue("redis")
    return stores_on(redis, Settings(redis_prefix=request.getfixturevalue("prefix")))


@pytest.fixture
def shards(stores: Stores) -> Shards:
    return stores.shards


@pytest.fixture
def jobs(stores: Stores) -> JobStore:
    return stores.jobs


@pytest.fixture
def board(stores: Stores) -> Board:
    return stores.board


async def taken(shards: Shards, shard: str = "main", holder: str = "one", ttl_s: float = LONG_S) -> ShardLease:
    lease = await shards.take(shard, holder, ttl_s)
    assert lease is not None
    return lease


async def free(shards: Shards, shard: str) -> None:
    """Returns when its lease has run out."""

    async def gone() -> bool:
        return shard not in (await shards.meet("looking", [shard], LONG_S)).holders

    await until(gone, 10.0)


async def test_a_shard_has_one_holder_and_each_lease_a_term_of_its_own(shards: Shards) -> None:
    first = await taken(shards)
    assert await shards.take("main", "two", LONG_S) is None
    assert await shards.renew([first], LONG_S) == [first]
    await shards.release("one", [first])
    second = await taken(shards, holder="two")
    assert (first.term, second.term) == (1, 2)
    assert await shards.renew([first, second], LONG_S) == [second]
    await shards.release("one", [first])  # of what is another's by now nothing is given up
    assert (await shards.meet("one", ["main", HOUSE], LONG_S)).holders == {"main": "two"}


async def test_a_lease_that_is_not_renewed_runs_out(shards: Shards) -> None:
    first = await taken(shards, ttl_s=SHORT_S)
    await free(shards, "main")
    assert await shards.renew([first], LONG_S) == []
    assert (await taken(shards, holder="two")).term == 2


async def test_who_is_there_is_told_until_it_leaves_or_falls_silent(shards: Shards) -> None:
    await shards.meet("one", [], LONG_S)
    assert list((await shards.meet("two", [], SHORT_S)).members) == ["one", "two"]
    await shards.release("one", [], leaving=True)

    async def alone() -> bool:
        return list((await shards.meet("three", [], LONG_S)).members) == ["three"]

    await until(alone, 10.0)


async def test_of_many_who_take_at_once_one_has_it(shards: Shards) -> None:
    found = await asyncio.gather(*(shards.take("main", f"d{number}", LONG_S) for number in range(8)))
    assert [lease.term for lease in found if lease is not None] == [1]


async def test_a_write_under_a_lease_that_is_another_s_changes_nothing(
    shards: Shards, jobs: JobStore, board: Board
) -> None:
    first = await taken(shards)
    job = a_job()
    await jobs.create(job)
    await board.put("note", {"by": "one"}, LONG_S, first)
    await shards.release("one", [first])
    for _ in range(2):  # nobody's, then another's
        with pytest.raises(ShardLost):
            await jobs.lease(job.id, "main", LONG_S, 200.0, first)
        with pytest.raises(ShardLost):
            await board.put("note", {"by": "a ghost"}, LONG_S, first)
        await shards.take("main", "two", LONG_S)
    assert await board.get("note") == {"by": "one"}
    found = await jobs.get(job.id)
    assert (found.phase, found.fence, found.attempts) == (job.phase, 0, 0)
    assert await jobs.position(job.id) == 0


async def test_by_right_of_the_lease_a_job_starts_as_ever(shards: Shards, jobs: JobStore) -> None:
    under, job = await taken(shards), a_job()
    await jobs.create(job)
    lease = await jobs.lease(job.id, "main", LONG_S, 200.0, under)
    assert (lease.fence, (await jobs.get(job.id)).attempts) == (1, 1)
    with pytest.raises(IllegalTransition):
        await jobs.lease(job.id, "main", LONG_S, 200.0, under)


async def test_a_tenants_limit_is_counted_where_the_lease_is_given(shards: Shards, jobs: JobStore) -> None:
    mine, other = await taken(shards), await taken(shards, "draft", "two")
    made = [a_job(number) for number in range(3)]
    strangers = replace(a_job(), tenant="another")
    for job in (*made, strangers):
        await jobs.create(job)
    await jobs.lease(made[0].id, "main", LONG_S, 200.0, mine, 2)
    await jobs.lease(made[1].id, "draft", LONG_S, 200.0, other, 2)
    with pytest.raises(TenantFull):
        await jobs.lease(made[2].id, "main", LONG_S, 200.0, mine, 2)
    assert await jobs.position(made[2].id) == 0
    await jobs.lease(strangers.id, "main", LONG_S, 200.0, mine, 2)


async def test_who_hears_of_work_passes_it_on(jobs: JobStore) -> None:
    pairs = (("one", "two"), ("two", "one"))
    heard = [asyncio.ensure_future(jobs.wait_for_work(10.0, name, [other])) for name, other in pairs]
    await asyncio.sleep(0)
    await jobs.create(a_job())
    assert await asyncio.gather(*heard) == [True, True]
