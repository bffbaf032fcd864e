"""What a first replica of each pool took to come, kept on the board, so that a new Dispatcher promises by it, too."""

from __future__ import annotations

from app.dispatch.holding import Holding
from app.dispatch.pool_notes import PoolNotes
from app.dispatch.ports import DispatchStores
from app.jobs.board import STARTS
from app.line.parts import merged_starts, starts_part
from app.line.scaling import Scaling, StartTimes, starts_from_note, starts_to_note

NOTE_TTL_S = 90 * 86400.0


class PoolStarts:
    """Restored before the first decision for a pool; written when it has changed."""

    def __init__(self, scaling: Scaling, stores: DispatchStores, holding: Holding) -> None:
        self._scaling = scaling
        self._stores = stores
        self._holding = holding
        self._notes = PoolNotes(STARTS, stores.board, holding)
        self._pools: tuple[str, ...] = ()
        self._written: StartTimes | None = None

    async def restore(self) -> None:
        """Raises StoreUnavailable."""
        pools = tuple(self._holding.pools)
        if self._written is None or pools != self._pools:
            notes = await self._notes.read(pools)
            self._written = self._scaling.starts = merged_starts([starts_from_note(note) for note in notes])
            self._pools = pools
            if self._holding.name:
                self._scaling.only(pools)

    async def keep(self) -> None:
        """Raises ShardLost, StoreUnavailable."""
        if self._scaling.starts == self._written:
            return
        if self._holding.name:
            parts = {pool: starts_to_note(starts_part(self._scaling.starts, pool)) for pool in self._pools}
            await self._notes.put(parts, NOTE_TTL_S)
        else:
            await self._stores.board.put(STARTS, starts_to_note(self._scaling.starts), NOTE_TTL_S)
        self._written = self._scaling.starts
