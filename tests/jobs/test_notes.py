"""Boards and meters: small shared facts."""

from __future__ import annotations

import pytest

from app.jobs.board import Board, MemoryBoard
from app.jobs.redis.board import RedisBoard
from app.jobs.redis.meter import RedisMeter
from app.redis.connection import Client
from app.telemetry import MemoryMeter, Meter
from tests.redis_server import MEMORY_AND_REDIS
from tests.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture(params=MEMORY_AND_REDIS)
def board(request: pytest.FixtureRequest) -> Board:
    if request.param == "memory":
        return MemoryBoard()
    redis: Client = request.getfixturevalue("redis")
    return RedisBoard(redis, request.getfixturevalue("prefix"))


@pytest.fixture(params=MEMORY_AND_REDIS)
def meter(request: pytest.FixtureRequest) -> Meter:
    if request.param == "memory":
        return MemoryMeter()
    redis: Client = request.getfixturevalue("redis")
    return RedisMeter(redis, request.getfixturevalue("prefix"))


async def test_a_note_is_read_until_it_is_too_old(board: Board) -> None:
    assert await board.get("backlog") is None
    await board.put("backlog", {"jobs": 3}, 60.0)
    await board.put("old", {"jobs": 3}, 0.01)

    async def too_old() -> bool:
        return await board.get("old") is None

    await until(too_old, 5.0)
    assert await board.get("backlog") == {"jobs": 3}


async def test_a_counter_adds_up_and_tells_all_of_its_name(board: Board) -> None:
    assert await board.counters("entered") == {}
    assert await board.increment("entered", "main/high", 1.5) == {"main/high": 1.5}
    assert await board.increment("entered", "main/low", 2.0) == {"main/high": 1.5, "main/low": 2.0}
    assert await board.increment("entered", "main/high", -0.5) == {"main/high": 1.0, "main/low": 2.0}
    assert await board.counters("entered") == {"main/high": 1.0, "main/low": 2.0}


async def test_artifacts_are_free_when_the_last_holder_lets_go(board: Board) -> None:
    await board.hold("origin", "origin")
    await board.hold("origin", "repeat")
    assert await board.release("origin", "origin") is False
    assert await board.release("origin", "repeat") is True
    assert await board.release("origin", "repeat") is True


async def test_what_is_being_removed_is_held_by_nobody_until_it_is_gone(board: Board) -> None:
    assert await board.hold("origin", "origin")
    assert await board.hold("origin", "repeat")
    assert await board.retire("origin", "origin") is False
    assert await board.hold("origin", "another")
    await board.release("origin", "another")
    assert await board.retire("origin", "repeat") is True
    assert await board.hold("origin", "late") is False
    assert await board.holders("origin") == set()
    await board.removed("origin")
    assert await board.hold("origin", "new") is True


async def test_figures_add_up(meter: Meter) -> None:
    await meter.add({"jobs_created": 1, "device_seconds": 0.5})
    await meter.add({"device_seconds": 0.25})
    await meter.add({})
    assert await meter.read() == {"jobs_created": 1.0, "device_seconds": 0.75}
