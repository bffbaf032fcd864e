"""What a first replica of each pool took to come, kept on the board, so that a new Dispatcher promises by it, too."""

from __future__ import annotations

from app.dispatch.ports import DispatchStores
from app.jobs.board import STARTS
from app.line.scaling import Scaling, StartTimes, starts_from_note, starts_to_note

NOTE_TTL_S = 90 * 86400.0


class PoolStarts:
    """Restored once, before the first decision; written when it has changed."""

    def __init__(self, scaling: Scaling, stores: DispatchStores) -> None:
        self._scaling = scaling
        self._stores = stores
        self._written: StartTimes | None = None

    async def restore(self) -> None:
        """Raises StoreUnavailable."""
        if self._written is None:
            self._written = starts_from_note(await self._stores.board.get(STARTS))
            self._scaling.starts = self._written

    async def keep(self) -> None:
        """Raises StoreUnavailable."""
        if self._scaling.starts != self._written:
            await self._stores.board.put(STARTS, starts_to_note(self._scaling.starts), NOTE_TTL_S)
            self._written = self._scaling.starts
