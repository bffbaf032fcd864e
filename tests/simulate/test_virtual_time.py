"""Virtual time: nobody waits, everything comes in order, and a process can be frozen, thawed and killed."""

from __future__ import annotations

import asyncio
import time

import anyio
import pytest

from app.service.background import Background
from app.simulate.virtual_time import Stalled, VirtualLoop, VirtualProcess, run_virtually


async def _beat(loop: VirtualLoop, heard: list[float]) -> None:
    while True:
        heard.append(loop.time())
        await asyncio.sleep(1.0)


def test_an_hour_goes_by_at_once() -> None:
    async def wait(loop: VirtualLoop) -> float:
        await asyncio.sleep(3600.0)
        return loop.time()

    began = time.monotonic()
    assert run_virtually(wait) == 3600.0
    assert time.monotonic() - began < 60.0


def test_time_limits_are_in_virtual_seconds() -> None:
    async def wait(loop: VirtualLoop) -> tuple[bool, float]:
        with anyio.move_on_after(30.0) as scope:
            await asyncio.Event().wait()
        return scope.cancelled_caught, loop.time()

    assert run_virtually(wait) == (True, 30.0)


def test_a_frozen_process_does_nothing_and_goes_on_when_it_is_thawed() -> None:
    async def watch(loop: VirtualLoop) -> list[float]:
        process, heard = VirtualProcess("replica"), list[float]()
        loop.start(process, _beat(loop, heard))
        await asyncio.sleep(1.5)
        loop.freeze(process)
        await asyncio.sleep(10.0)
        loop.thaw(process)
        await asyncio.sleep(1.0)
        return heard

    assert run_virtually(watch) == [0.0, 1.0, 11.5, 12.5]


def test_a_killed_process_ends_with_all_that_it_began_in_contexts_of_their_own() -> None:
    async def watch(loop: VirtualLoop) -> list[float]:
        process, heard, background = VirtualProcess("replica"), list[float](), Background()

        async def main() -> None:
            background.keep(_beat(loop, heard), "the beat")

        await loop.start(process, main())
        await asyncio.sleep(2.5)
        loop.kill(process)
        await asyncio.sleep(10.0)
        assert not process.tasks
        return heard

    assert run_virtually(watch) == [0.0, 1.0, 2.0]


def test_what_is_due_at_the_same_time_comes_in_the_order_in_which_it_was_asked_for() -> None:
    async def watch(loop: VirtualLoop) -> list[int]:
        heard = list[int]()
        for number in range(20):
            loop.call_later(1.0, heard.append, number)
        await asyncio.sleep(1.0)
        return heard

    assert run_virtually(watch) == list(range(20))


def test_a_callback_that_fails_is_told_and_the_others_go_on() -> None:
    async def watch(loop: VirtualLoop) -> list[str]:
        told = list[str]()
        loop.set_exception_handler(lambda _, said: told.append(f"{said['exception']!r}"))
        loop.call_soon(int, "no number")
        loop.call_soon(told.append, "the next")
        await asyncio.sleep(1.0)
        return told

    failed, after = run_virtually(watch)
    assert failed.startswith("ValueError")
    assert after == "the next"


def test_a_process_knows_the_tasks_that_have_not_ended() -> None:
    async def watch(loop: VirtualLoop) -> list[str]:
        process = VirtualProcess("replica")
        for number in range(100):
            loop.start(process, asyncio.sleep(number % 2 * 10.0), name=f"{number}")
        await asyncio.sleep(1.0)
        return [task.get_name() for task in process.tasks]

    assert run_virtually(watch) == [f"{number}" for number in range(1, 100, 2)]


def test_what_is_given_to_a_thread_is_done_at_once() -> None:
    async def work(loop: VirtualLoop) -> str:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(str, 7)

    assert run_virtually(work) == "7"


def test_a_run_in_which_nobody_is_ever_woken_says_so() -> None:
    async def wait(loop: VirtualLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stalled):
        run_virtually(wait)
