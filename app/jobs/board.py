"""The port to small shared notes: what the dispatcher knows of the backlog, for all who ask."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

BACKLOG = "backlog"  # {"at", "jobs", "step_seconds", "wait_s", "pools": {pool: {"jobs", "step_seconds", "slots"}}}
# and for a pool that scales: "wanted", "because", "why"
# {"at", "jobs": {job id: [position, eta_s]}, "beyond": {pool: position}}; of all tenants, so never shown whole
PLACES = "places"
ENTERED = "entered"  # tally: "pool/priority" to step-seconds of all that was ever let in; the backlog holds a copy


class Board(Protocol):
    """Notes by name, each with a time to live. Raises StoreUnavailable."""

    async def post(self, name: str, note: dict[str, Any], ttl_s: float) -> None:
        """Replace the note."""
        ...

    async def look(self, name: str) -> dict[str, Any] | None:
        """The note, or None when there is none or it is too old."""
        ...

    async def tally(self, name: str, field: str = "", amount: float = 0.0) -> dict[str, float]:
        """Add to a field of a running tally, if one is named; all fields afterwards, nobody in between."""
        ...

    async def once(self, name: str, value: str) -> str:
        """Write a word for good, unless the name has one already; the word that it has."""
        ...

    async def hold(self, origin: str, job_id: str) -> None:
        """Say that `job_id` needs the artifacts of `origin` (the job that made them)."""
        ...

    async def release(self, origin: str, job_id: str) -> bool:
        """Say that it no longer does; True when no job needs them any more."""
        ...

    async def holders(self, origin: str) -> set[str]:
        """Who has said so. One that died just before its record was written may be among them."""
        ...


class MemoryBoard:
    """Notes in this process: tests and tools."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._notes: dict[str, tuple[float, dict[str, Any]]] = {}
        self._holds: dict[str, set[str]] = {}
        self._words: dict[str, str] = {}
        self._tallies: dict[str, dict[str, float]] = {}

    async def post(self, name: str, note: dict[str, Any], ttl_s: float) -> None:
        self._notes[name] = (self._clock() + ttl_s, note)

    async def look(self, name: str) -> dict[str, Any] | None:
        until, note = self._notes.get(name, (0.0, {}))
        return note if until > self._clock() else None

    async def tally(self, name: str, field: str = "", amount: float = 0.0) -> dict[str, float]:
        fields = self._tallies.setdefault(name, {})
        if field:
            fields[field] = fields.get(field, 0.0) + amount
        return dict(fields)

    async def once(self, name: str, value: str) -> str:
        return self._words.setdefault(name, value)

    async def hold(self, origin: str, job_id: str) -> None:
        self._holds.setdefault(origin, set()).add(job_id)

    async def release(self, origin: str, job_id: str) -> bool:
        holders = self._holds.get(origin, set())
        holders.discard(job_id)
        return not holders

    async def holders(self, origin: str) -> set[str]:
        return set(self._holds.get(origin, ()))
