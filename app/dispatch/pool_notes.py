"""Notes about pools on the board: one for all of them, or, where dispatchers share the pools, one for each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from app.dispatch.holding import Holding
from app.jobs.board import Board

Note = Mapping[str, object]


def note_of(name: str, pool: str) -> str:
    """What a pool's own note is called."""
    return f"{name}/{pool}"


class PoolNotes:
    """Written by right of the pool's lease, so that who has lost a pool overwrites nothing of who has it now."""

    def __init__(self, name: str, board: Board, holding: Holding) -> None:
        self._name = name
        self._board = board
        self._holding = holding

    async def read(self, pools: Sequence[str]) -> list[Note]:
        """Those there are. Raises StoreUnavailable."""
        names = [note_of(self._name, pool) for pool in pools] if self._holding.name else [self._name]
        return [note for note in await asyncio.gather(*map(self._board.get, names)) if note is not None]

    async def put(self, notes: Mapping[str, Note], ttl_s: float) -> None:
        """By pool. Raises ShardLost, StoreUnavailable."""
        puts = (
            self._board.put(note_of(self._name, pool), note, ttl_s, self._holding.under(pool))
            for pool, note in notes.items()
        )
        await asyncio.gather(*puts)
