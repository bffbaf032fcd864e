"""Files that nobody needs any more come in, retired on the board; they go, and their names may be held again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from app.artifacts.store import ArtifactStore
from app.errors import StoreUnavailable
from app.jobs.board import Board
from app.types import Artifact


async def remove_retired(origin: str, doomed: Iterable[Artifact], board: Board, artifacts: ArtifactStore) -> None:
    """Remove files that `Board.retire` gave to whoever calls; the video first, by which all are told to be there."""
    async with _removal(origin, board):
        for artifact in sorted(doomed, key=lambda each: not each.content_type.startswith("video/")):
            await artifacts.delete(artifact)


async def clear_retired(maker: str, board: Board, artifacts: ArtifactStore) -> None:
    """The same of all that a job or a storyboard made. Raises StoreUnavailable."""
    async with _removal(maker, board):
        await artifacts.clear(maker)


@asynccontextmanager
async def _removal(origin: str, board: Board) -> AsyncIterator[None]:
    try:
        yield
    finally:
        with suppress(StoreUnavailable):  # it is waited for then
            await board.removed(origin)
