"""Work on pictures takes turns: one at a time for a tenant, few in all, and too much of it is refused."""

from __future__ import annotations

import asyncio
import threading

import anyio
import pytest

from app.errors import InvalidRequest, Overloaded
from app.service.decoding import AT_ONCE, MOST_WAITING_OF_TENANT, Decoding
from tests.waiting import until

pytestmark = pytest.mark.anyio


class Work:
    """What holds a thread until it is let go, and counts who is at it."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.lock = threading.Lock()
        self.at_it = self.most = self.done = 0

    def __call__(self) -> str:
        with self.lock:
            self.at_it += 1
            self.most = max(self.most, self.at_it)
        assert self.go.wait(10)
        with self.lock:
            self.at_it -= 1
            self.done += 1
        return "done"

    async def begun(self, count: int) -> None:
        async def look() -> bool:
            return self.at_it >= count

        await until(look)


async def test_a_tenant_has_one_at_a_time_and_another_does_not_wait_for_it() -> None:
    decoding, mine, other = Decoding(), Work(), Work()
    tasks = [asyncio.ensure_future(decoding.run("ann", mine)) for _ in range(5)]
    await mine.begun(1)
    other.go.set()
    assert await decoding.run("ben", other) == "done"
    assert mine.at_it == 1
    mine.go.set()
    assert await asyncio.gather(*tasks) == ["done"] * 5
    assert mine.most == 1


async def test_all_tenants_together_have_few() -> None:
    decoding, work = Decoding(), Work()
    tasks = [asyncio.ensure_future(decoding.run(f"tenant {number}", work)) for number in range(10)]
    await work.begun(AT_ONCE)
    work.go.set()
    await asyncio.gather(*tasks)
    assert work.most == AT_ONCE


async def test_too_much_of_a_tenant_is_refused_and_others_are_not() -> None:
    decoding, work = Decoding(), Work()
    tasks = [asyncio.ensure_future(decoding.run("ann", work)) for _ in range(MOST_WAITING_OF_TENANT)]
    await work.begun(1)
    with pytest.raises(Overloaded) as caught:
        await decoding.run("ann", work)
    assert caught.value.retry_after_s >= 1
    last = asyncio.ensure_future(decoding.run("ben", work))
    work.go.set()
    assert await asyncio.gather(*tasks, last) == ["done"] * (MOST_WAITING_OF_TENANT + 1)


async def test_who_leaves_does_not_let_a_second_one_begin() -> None:
    decoding, work = Decoding(), Work()
    with anyio.move_on_after(0):
        await decoding.run("ann", work)
    await work.begun(1)
    second = asyncio.ensure_future(decoding.run("ann", work))
    work.go.set()
    await second
    assert (work.most, work.done) == (1, 2)


async def test_what_fails_fails_for_its_caller_alone() -> None:
    def broken() -> None:
        raise InvalidRequest("no picture")

    decoding, work = Decoding(), Work()
    with pytest.raises(InvalidRequest):
        await decoding.run("ann", broken)
    work.go.set()
    assert await decoding.run("ann", work) == "done"
