"""What is asked at once goes to a real Redis in one round trip, and each asker has its own answer, or error."""

from __future__ import annotations

import asyncio
import gc

import pytest
from redis.exceptions import ResponseError

from app.errors import StoreFull, StoreUnavailable
from app.redis.commands import Commands
from app.redis.connection import Client, connect
from tests.ports import free_port

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


ADD = "return redis.call('INCR', KEYS[1])"


async def trips(redis: Client) -> int:
    return int((await redis.info("stats"))["total_reads_processed"])


async def test_what_is_asked_at_once_is_one_round_trip_in_the_order_in_which_it_was_asked(redis: Client) -> None:
    commands, others = Commands(redis), Commands(redis)
    await commands.run(ADD, ["a"], [])  # known from now on
    before = await trips(redis)
    answers = await asyncio.gather(
        commands.call("SET", "a", "1"),
        others.run(ADD, ["a"], []),
        commands.all([("INCR", "a"), ("INCR", "a")]),
        others.call("GET", "a"),
    )
    assert answers[1:] == [2, [3, 4], b"4"]
    assert await trips(redis) - before <= 2, "all of them, and this look"


async def test_ones_mistake_is_nobody_elses(redis: Client) -> None:
    commands = Commands(redis)
    await commands.call("SET", "text", "x")
    answers = await asyncio.gather(commands.call("INCR", "text"), commands.call("GET", "text"), return_exceptions=True)
    assert isinstance(answers[0], ResponseError)
    assert answers[1] == b"x"
    answers = await asyncio.gather(
        commands.run("return redis.error_reply('OOM command not allowed')", [], []),
        commands.call("GET", "text"),
        return_exceptions=True,
    )
    assert isinstance(answers[0], StoreFull)
    assert answers[1] == b"x"


async def test_who_leaves_takes_nobody_with_them(redis: Client) -> None:
    commands = Commands(redis)
    leaving = asyncio.ensure_future(commands.call("SET", "left", "1"))
    staying = asyncio.ensure_future(commands.call("GET", "left"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == b"1", "it was on its way"


@pytest.mark.filterwarnings("error")
async def test_a_call_that_is_given_up_before_it_begins_leaves_nothing_behind(redis: Client) -> None:
    commands = Commands(redis)
    for call in (commands.call("GET", "a"), commands.all([("GET", "a")], atomic=True)):
        before = asyncio.all_tasks()
        asking = asyncio.ensure_future(call)
        while not (sending := asyncio.all_tasks() - before - {asking}):
            await asyncio.sleep(0)
        for task in sending:
            task.cancel()  # as when its loop ends
        with pytest.raises(asyncio.CancelledError):
            await asking
        del call, asking, sending, task
        gc.collect()


async def test_where_there_is_no_server_each_is_told_so(redis: Client) -> None:
    gone = connect(f"redis://127.0.0.1:{free_port()}/0", 0.5)
    commands = Commands(gone)
    told = await asyncio.gather(commands.call("GET", "a"), commands.call("GET", "b"), return_exceptions=True)
    assert [type(each) for each in told] == [StoreUnavailable, StoreUnavailable]
    assert told[0] is not told[1]
    await gone.aclose()
