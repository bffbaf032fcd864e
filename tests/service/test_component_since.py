"""Since when components are as they are, for all Routers together."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from app.errors import StoreUnavailable
from app.health.since import NOTE
from app.jobs.board import MemoryBoard
from app.jobs.shards import ShardLease
from app.service.component_since import ComponentSince

pytestmark = pytest.mark.anyio


class Counting(MemoryBoard):
    """A board that may be away, and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.away = 0, False

    async def get(self, name: str) -> dict[str, object] | None:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("away")
        return await super().get(name)

    async def put(self, name: str, note: Mapping[str, object], ttl_s: float, under: ShardLease | None = None) -> None:
        if self.away:
            raise StoreUnavailable("away")
        await super().put(name, note, ttl_s, under)


async def test_a_status_is_since_it_was_first_seen_and_anew_when_it_changes() -> None:
    now, since = 10.0, None
    since = ComponentSince(MemoryBoard(), lambda: now)
    assert await since.told({"redis": "ok"}) == {"redis": 10.0}
    now = 20.0
    assert await since.told({"redis": "ok", "cache": "down"}) == {"redis": 10.0, "cache": 20.0}
    now = 30.0
    assert await since.told({"redis": "down", "cache": "down"}) == {"redis": 30.0, "cache": 20.0}


async def test_another_router_knows_what_the_first_has_seen() -> None:
    board = MemoryBoard()
    await ComponentSince(board, lambda: 10.0).see({"cache": "down"})
    assert await ComponentSince(board, lambda: 50.0).told({"cache": "down"}) == {"cache": 10.0}


async def test_while_the_board_is_away_what_was_seen_here_counts_and_is_noted_afterwards() -> None:
    board, now = Counting(), 10.0
    since = ComponentSince(board, lambda: now)
    await since.told({"redis": "ok"})
    board.away, now = True, 20.0
    assert await since.told({"redis": "down"}) == {"redis": 20.0}
    now = 30.0
    assert await since.told({"redis": "down"}) == {"redis": 20.0}


async def test_a_probe_asks_the_board_nothing_while_all_stays_as_it_is() -> None:
    board = Counting()
    since = ComponentSince(board, lambda: 10.0)
    for _ in range(100):
        await since.see({"redis": "ok", "cache": "ok"})
    assert board.asked == 1
    await since.see({"redis": "ok", "cache": "down"})
    assert board.asked == 2
    noted = {"redis": {"status": "ok", "at": 10.0}, "cache": {"status": "down", "at": 10.0}}
    assert await board.get(NOTE) == noted
