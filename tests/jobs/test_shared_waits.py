"""Who waits for the same thing waits together."""

from __future__ import annotations

import asyncio

import pytest

from app.jobs.shared_waits import SharedWaits

pytestmark = pytest.mark.anyio


async def test_a_thousand_waiters_are_one_call() -> None:
    waits, calls, news = SharedWaits(), list[str](), asyncio.Event()

    async def call() -> str:
        calls.append("x")
        await news.wait()
        return "news"

    tasks = [asyncio.ensure_future(waits.share("job", call)) for _ in range(1000)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (len(calls), len(waits)) == (1, 1)
    for task in tasks[:500]:
        task.cancel()
    news.set()
    assert await asyncio.gather(*tasks[500:]) == ["news"] * 500
    assert len(waits) == 0


async def test_the_call_ends_with_its_last_waiter_and_the_next_one_begins_anew() -> None:
    waits, ended = SharedWaits(), asyncio.Event()

    async def call() -> str:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()
        return ""

    task = asyncio.ensure_future(waits.share("job", call))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert len(waits) == 0
    await asyncio.wait_for(ended.wait(), 5)

    async def other() -> str:
        return "other"

    assert await waits.share("job", other) == "other"


async def test_an_error_is_told_to_all_of_them() -> None:
    waits = SharedWaits()

    async def call() -> str:
        raise OSError("away")

    told = await asyncio.gather(*(waits.share("job", call) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in told] == [OSError] * 3
