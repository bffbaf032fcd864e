"""Work beside the calls of a process, and what is known of it when it dies."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from app.service.background import Background

pytestmark = pytest.mark.anyio
WHO: contextvars.ContextVar[str] = contextvars.ContextVar("WHO", default="nobody")


async def fails() -> None:
    raise ValueError("it broke")


async def ends() -> None:
    return None


async def hangs() -> None:
    await asyncio.Event().wait()


async def test_work_that_ends_leaves_it_well() -> None:
    background = Background()
    await background.spawn(ends(), "a job")
    background.check()


async def test_work_that_fails_is_logged_and_leaves_it_well(caplog: pytest.LogCaptureFixture) -> None:
    background = Background()
    with caplog.at_level(logging.WARNING):
        await asyncio.wait([background.spawn(fails(), "a job")])
        await asyncio.sleep(0)  # the callbacks' turn
    assert [record.getMessage() for record in caplog.records] == ["a job failed"]
    assert caplog.records[0].exc_info is not None
    background.check()


@pytest.mark.parametrize(("work", "why"), [(fails, "it broke"), (ends, "it ended")])
async def test_endless_work_that_ends_makes_it_unwell_from_then_on(
    work: Callable[[], Coroutine[Any, Any, None]], why: str
) -> None:
    background = Background()
    background.check()
    task = background.keep(work(), "the heartbeat")
    await asyncio.wait([task])
    await asyncio.sleep(0)  # the callbacks' turn
    for _ in range(2):
        with pytest.raises(RuntimeError, match=f"the heartbeat has died: {why}"):
            background.check()


async def test_endless_work_that_somebody_cancelled_has_died_too() -> None:
    background = Background()
    task = background.keep(hangs(), "the heartbeat")
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)  # the callbacks' turn
    with pytest.raises(RuntimeError, match="the heartbeat has died"):
        background.check()


async def test_it_is_kept_alive_and_runs_in_no_caller_s_context() -> None:
    background, seen = Background(), []

    async def looks() -> None:
        seen.append(WHO.get())

    WHO.set("a caller")
    await background.spawn(looks(), "a look")
    assert seen == ["nobody"]


async def test_closing_cancels_what_runs_and_waits_for_it() -> None:
    background, over = Background(), []

    async def cleans_up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            over.append(True)

    for start in (background.keep, background.spawn):
        start(cleans_up(), "work")
    await asyncio.sleep(0)
    await background.close()
    assert over == [True, True]
    background.check()  # it was meant to end


async def test_work_that_is_to_be_done_whole_outlives_the_cancel_of_who_waits_for_it() -> None:
    background, go, done = Background(), asyncio.Event(), []

    async def work() -> str:
        await go.wait()
        done.append(True)
        return "done"

    waiter = asyncio.ensure_future(background.whole(work(), "a job"))
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait([waiter])
    assert waiter.cancelled()
    assert not await background.settled(0.0)
    go.set()
    assert await background.settled(5.0)
    assert done == [True]
    assert await background.whole(work(), "another") == "done"


async def test_its_error_goes_to_who_waits_and_else_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    background = Background()
    with pytest.raises(ValueError, match="it broke"):
        await background.whole(fails(), "a job")
    await asyncio.sleep(0)
    assert caplog.records == []
    waiter = asyncio.ensure_future(background.whole(fails(), "a job"))
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait([waiter])
    await background.settled(5.0)
    await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records] == ["a job failed"]


async def test_what_runs_for_ever_is_not_waited_for() -> None:
    background = Background()
    background.keep(hangs(), "the heartbeat")
    assert await background.settled(0.0)
    await background.close()
