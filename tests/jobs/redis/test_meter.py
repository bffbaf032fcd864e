from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.jobs.redis.meter import BackgroundMeter, RedisMeter
from app.redis.connection import connect
from app.telemetry import MemoryMeter
from cluster.redis import LocalRedis

pytestmark = pytest.mark.anyio


class Slow(MemoryMeter):
    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()

    async def add(self, figures: dict[str, float]) -> None:
        await self.free.wait()
        await super().add(figures)


async def test_nobody_waits_for_a_figure_but_those_who_read_it() -> None:
    beneath = Slow()
    meter = BackgroundMeter(beneath)
    await meter.add({"jobs": 1})
    await meter.add({"jobs": 2})
    assert await beneath.read() == {}
    beneath.free.set()
    assert await meter.read() == {"jobs": 3}


async def test_what_comes_while_a_call_is_under_way_is_one_call_more() -> None:
    beneath = Slow()
    calls: list[dict[str, float]] = []

    class Counting(MemoryMeter):
        async def add(self, figures: dict[str, float]) -> None:
            calls.append(figures)
            await beneath.add(figures)

        async def read(self) -> dict[str, float]:
            return await beneath.read()

    meter = BackgroundMeter(Counting(), gather_s=0.0)
    for _ in range(3):
        await meter.add({"answers": 1})
    while not calls:  # the first is then under way
        await asyncio.sleep(0)
    for _ in range(100):
        await meter.add({"answers": 1, "others": 2})
    beneath.free.set()
    assert await meter.read() == {"answers": 103, "others": 200}
    assert len(calls) == 2


async def test_who_reads_does_not_wait_for_more_to_be_gathered() -> None:
    beneath = MemoryMeter()
    meter = BackgroundMeter(beneath, gather_s=3600.0)
    for _ in range(2):
        await meter.add({"answers": 1})
        await asyncio.sleep(0)
    assert await beneath.read() == {}
    assert await meter.read() == {"answers": 2}


@pytest.mark.redis
async def test_what_found_no_redis_is_counted_with_what_comes_next(tmp_path: Path) -> None:
    server = LocalRedis(tmp_path)
    server.start()
    client = connect(server.url, 2.0)
    try:
        meter = RedisMeter(client, "test")
        await meter.add({"answers": 1})
        await asyncio.to_thread(server.stop)
        await meter.add({"answers": 2, "errors": 1})
        await meter.add({"errors": 3})
        await asyncio.to_thread(server.start)
        await meter.add({"answers": 4})
        found = await meter.read()
        assert (found["errors"], found["answers"]) == (4, 7)
    finally:
        await client.aclose()
        await asyncio.to_thread(server.stop)
