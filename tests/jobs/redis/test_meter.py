from __future__ import annotations

import asyncio

import pytest

from app.jobs.redis.meter import BackgroundMeter
from app.telemetry import MemoryMeter

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
