"""The ring of an hour, in memory and in a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.health.redis_samples import RedisSamples
from app.health.samples import KEPT, MemorySamples, PoolSample, Sample, Samples
from app.redis.connection import Client
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000.0


@pytest.fixture(params=MEMORY_AND_REDIS)
async def ring(request: pytest.FixtureRequest, redis: Client, prefix: str) -> AsyncIterator[Samples]:
    if request.param == "memory":
        yield MemorySamples()
    else:
        yield RedisSamples(redis, prefix)


async def test_what_is_kept_is_read_again_in_order(ring: Samples) -> None:
    kept = [Sample(NOW + 60.0 * place, place, pools={"main": PoolSample(1.5, 2.5, 1)}) for place in (2, 0, 1)]
    for each in kept:
        await ring.keep(each)
    assert await ring.read(NOW + 180.0) == sorted(kept, key=lambda each: each.at)


async def test_it_holds_an_hour_and_no_more(ring: Samples) -> None:
    for place in range(130):
        await ring.keep(Sample(NOW + 60.0 * place, place))
    found = await ring.read(NOW + 60.0 * 129)
    assert [each.waiting for each in found] == list(range(130 - KEPT, 130))


async def test_two_writers_of_one_minute_leave_one_sample(ring: Samples) -> None:
    await ring.keep(Sample(NOW, 1))
    await ring.keep(Sample(NOW + 20.0, 2))
    assert [each.waiting for each in await ring.read(NOW + 30.0)] == [2]


async def test_what_was_kept_before_a_long_silence_is_not_of_the_last_hour(ring: Samples) -> None:
    await ring.keep(Sample(NOW, 1))
    assert await ring.read(NOW + 7200.0) == []


@pytest.mark.redis
async def test_reading_costs_one_round_trip_and_skips_what_makes_no_sense(redis: Client, prefix: str) -> None:
    ring = RedisSamples(redis, prefix)
    await ring.keep(Sample(NOW, 1))
    await redis.hset(f"{{{prefix}}}:samples", mapping={"60": b'{"at": "soon"}', "59": b"[1]"})
    before = (await redis.info("stats"))["total_commands_processed"]
    assert [each.waiting for each in await ring.read(NOW)] == [1]
    assert (await redis.info("stats"))["total_commands_processed"] - before == 2  # with the first INFO itself
