"""The clock of all records, against a real Redis and a wall clock that jumps."""

from __future__ import annotations

import time
from itertools import chain, repeat

import pytest

from app.errors import StoreUnavailable
from app.redis.clock import SYNC_S, SharedClock
from app.redis.commands import Commands
from app.redis.connection import Client, connect

pytestmark = pytest.mark.anyio


async def test_a_machine_whose_clock_is_an_hour_off_dates_jobs_as_redis_does(redis: Client) -> None:
    clock = SharedClock(redis, wall=lambda: time.time() + 3600.0)
    assert clock() - time.time() > 3500.0
    await clock.sync()
    assert abs(clock() - time.time()) < 0.5


async def test_a_jump_of_the_local_clock_is_not_seen(redis: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, real = SharedClock(redis), time.time
    await clock.sync()
    before = clock()
    monkeypatch.setattr(time, "time", lambda: real() + 86400.0)
    assert 0.0 <= clock() - before < 1.0
    await clock.sync()
    assert 0.0 <= clock() - before < 1.0


async def test_redis_is_asked_again_after_a_while_and_missed_in_between(redis: Client) -> None:
    at = 0.0
    clock = SharedClock(redis, monotonic=lambda: at)
    await clock.sync()
    asked = clock()
    at = SYNC_S / 2
    await clock.sync()
    assert clock() == pytest.approx(asked + SYNC_S / 2)
    at = SYNC_S + 1
    await clock.sync()
    assert clock() < asked + SYNC_S / 2


async def test_of_several_answers_the_quickest_counts(redis: Client) -> None:
    ticks = chain([0.0, 10.0, 10.4, 10.5, 10.501], repeat(10.501))  # a first answer that took 0.4 s, then a quick one
    clock = SharedClock(redis, monotonic=lambda: next(ticks))
    await clock.sync()
    assert abs(clock() - time.time()) < 0.1


async def test_a_clock_that_redis_never_told_says_so_and_one_that_was_told_goes_on(redis: Client) -> None:
    nowhere = connect("redis://127.0.0.1:1", 0.2)
    with pytest.raises(StoreUnavailable):
        await SharedClock(nowhere).sync()
    at = 1000.0
    told = SharedClock(redis, monotonic=lambda: at)
    await told.sync()
    before, told._commands = told(), Commands(nowhere)
    at += SYNC_S + 1
    await told.sync()
    assert told() == pytest.approx(before + SYNC_S + 1)
    await nowhere.aclose()
