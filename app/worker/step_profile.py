"""Step times and batch limits that replicas have measured, noted for the next replica on the same hardware."""

from __future__ import annotations

import asyncio
import logging

from app.errors import StoreUnavailable
from app.jobs.board import Board
from app.line.profile import noted, to_note
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.types import ModelProfile
from app.worker.ports import ReplicaEngine

log = logging.getLogger(__name__)
TTL_S = 30 * 86400.0


def profile_key(model: ModelProfile, entry: ModelEntry, settings: Settings, hardware: str) -> str:
    """The note's name: replicas share step times where weights, dtype, memory layout and hardware are the same."""
    layout = (f"{entry.dtype}/" if entry.dtype else "") + settings.layout.label
    return f"profile:{model.id}:{model.revision}:{layout}:{hardware}"


class StepProfile:
    """The note under one key, read before the warm-up and written now and then."""

    def __init__(self, key: str, board: Board, engine: ReplicaEngine) -> None:
        self._key = key
        self._board = board
        self._engine = engine

    async def adopt(self) -> None:
        """Take over what replicas before this one have measured; without the store it is measured anew."""
        try:
            note = await self._board.get(self._key)
            await asyncio.to_thread(self._engine.adopt, noted(note or {}))
        except StoreUnavailable as error:
            log.warning("No step times of others: %s", error)

    async def keep(self) -> None:
        """Note what this one has measured. Raises StoreUnavailable."""
        await self._board.put(self._key, to_note(self._engine.times, self._engine.limits, self._engine.packed), TTL_S)
