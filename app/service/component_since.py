"""Since when each component is as it is: a Router's looks come in, and what all Routers have noted together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.errors import StoreUnavailable
from app.health.since import NOTE, NOTE_TTL_S, Since, since_from_note, since_to_note, updated
from app.jobs.board import Board


class ComponentSince:
    """Remembers here what it has seen; the board, which may be away, has what the others saw."""

    def __init__(self, board: Board, clock: Callable[[], float]) -> None:
        self._board, self._clock = board, clock
        self._known: dict[str, Since] = {}

    async def see(self, statuses: Mapping[str, str]) -> None:
        """After a look that nobody is told the times of: it costs nothing unless something has changed."""
        if any(name not in self._known or self._known[name].status != now for name, now in statuses.items()):
            await self.told(statuses)

    async def told(self, statuses: Mapping[str, str]) -> dict[str, float]:
        """Unix seconds since when each is so. Never raises: while the board is away, what was seen here counts."""
        before = dict(self._known)
        try:
            before |= since_from_note(await self._board.get(NOTE))
            self._known = before | updated(before, statuses, self._clock())
            if self._known != before:
                await self._board.put(NOTE, since_to_note(self._known), NOTE_TTL_S)
        except StoreUnavailable:
            self._known = before | updated(before, statuses, self._clock())
        return {name: self._known[name].at for name in statuses}
