"""Redis dead, hung, full or restarted: clear errors in time, and life goes on afterwards."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path

import pytest
from anyio.lowlevel import checkpoint

from app.errors import StoreUnavailable
from app.jobs.flights import Role
from app.jobs.redis.board import RedisBoard
from app.jobs.redis.events import RedisEvents
from app.jobs.redis.flights import RedisFlights
from app.jobs.redis.jobs import RedisJobs
from app.jobs.redis.meter import RedisMeter
from app.jobs.redis.stops import RedisStops
from app.redis.connection import Client, connect
from tests.jobs.make import a_job

pytestmark = pytest.mark.anyio

TIMEOUT_S = 0.3
JOB = a_job()


def calls(redis: Client) -> list[Awaitable[object]]:
    jobs, events, flights = RedisJobs(redis, "gone"), RedisEvents(redis, "gone"), RedisFlights(redis, "gone")
    return [
        jobs.create(JOB),
        jobs.get(JOB.id),
        jobs.waiting(),
        jobs.lease(JOB.id, "main", 1.0, 1.0),
        jobs.wait_for_work(0.1),
        jobs.ping(),
        events.append(JOB.id, "phase", 1.0, {}),
        events.read(JOB.id, None, 0.1),
        RedisStops(redis, "gone").send(JOB.id),
        RedisBoard(redis, "gone").get("backlog"),
        RedisMeter(redis, "gone").read(),
        flights.leader("d"),
        flights.enter(JOB, "d", Role.LEAD, None),
        flights.promote("d", None, JOB.id),
        flights.unresolved(1.0, 1),
    ]


async def all_fail_in_time(redis: Client) -> None:
    begun = time.monotonic()
    answers = await asyncio.gather(*calls(redis), return_exceptions=True)
    assert time.monotonic() - begun < TIMEOUT_S + 2.0
    assert {type(answer) for answer in answers} == {StoreUnavailable}, answers
    assert all(isinstance(answer, StoreUnavailable) and answer.retry_after_s > 0 for answer in answers)
    await RedisMeter(redis, "gone").add({"lost": 1})  # never raises
    await redis.aclose()


async def test_nobody_listens() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, not listening: refused
        await all_fail_in_time(connect(f"redis://127.0.0.1:{reserved.getsockname()[1]}", TIMEOUT_S))


async def test_the_server_accepts_and_says_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        await all_fail_in_time(connect(f"redis://127.0.0.1:{silent.getsockname()[1]}", TIMEOUT_S))


async def test_something_else_listens_there(tmp_path: Path) -> None:
    async def chatter(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):  # the client may have gone at the first byte
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(chatter, tmp_path / "socket")
    await all_fail_in_time(connect(f"unix://{tmp_path / 'socket'}", TIMEOUT_S))
    server.close()


async def test_a_full_server_is_unavailable_for_writes(redis: Client, prefix: str) -> None:
    jobs = RedisJobs(redis, prefix)
    await redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(StoreUnavailable):
            await jobs.create(a_job())
    finally:
        await redis.config_set("maxmemory", "0")
    await jobs.create(a_job())


async def test_a_caller_that_gives_up_leaves_the_connections_sound(redis: Client, prefix: str) -> None:
    jobs = RedisJobs(redis, prefix)
    job = a_job()
    await jobs.create(job)
    for round in range(100):
        reads = [asyncio.ensure_future(jobs.get(job.id)) for _ in range(5)]
        for _ in range(round % 10):
            await checkpoint()
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
    assert await asyncio.gather(*(jobs.get(job.id) for _ in range(200))) == [job] * 200
