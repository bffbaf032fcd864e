"""The port to the audit log, which is only ever appended to, and the log of one process."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from app.access.audit.entry import AuditEntry, AuditFilter
from app.errors import InvalidRequest

ENTRY_ID: Final = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")
MOST_LOOKED_AT: Final = 10_000
"""Entries that one page looks at for those that its filter takes."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How many entries are kept, and for how long."""

    most: int
    kept_s: float


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries with their ids; `after`: what the next page begins behind, None: there is none."""

    entries: tuple[tuple[str, AuditEntry], ...]
    after: str | None


class AuditLog(Protocol):
    """Entries in the order in which they were written."""

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Write them, and drop what is too old or too many. Raises StoreUnavailable."""
        ...

    async def page(self, wanted: AuditFilter, after: str | None, limit: int, newest_first: bool) -> AuditPage:
        """Up to `limit` entries behind the one named. Raises StoreUnavailable, InvalidRequest (no id)."""
        ...


class MemoryAuditLog:
    """The AuditLog port in this process: tests and tools."""

    def __init__(self, retention: Retention) -> None:
        self._kept_s = retention.kept_s
        self._entries: deque[tuple[str, AuditEntry]] = deque(maxlen=retention.most)
        self._count = 0

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        for entry in entries:
            self._count += 1
            self._entries.append((f"{self._count}-0", entry))
        while self._entries and self._entries[0][1].at < self._entries[-1][1].at - self._kept_s:
            self._entries.popleft()

    async def page(self, wanted: AuditFilter, after: str | None, limit: int, newest_first: bool) -> AuditPage:
        rows = list(reversed(self._entries)) if newest_first else list(self._entries)
        if after is not None:
            mark = place_of(checked_entry_id(after))
            rows = [row for row in rows if (place_of(row[0]) < mark if newest_first else place_of(row[0]) > mark)]
        found = [row for row in rows[:MOST_LOOKED_AT] if wanted.takes(row[1])]
        if len(found) > limit:
            return AuditPage(tuple(found[:limit]), found[limit - 1][0])
        return AuditPage(tuple(found), rows[MOST_LOOKED_AT - 1][0] if len(rows) > MOST_LOOKED_AT else None)


def checked_entry_id(text: str) -> str:
    """The same. Raises InvalidRequest: no entry can have that id."""
    if ENTRY_ID.fullmatch(text) is None:
        raise InvalidRequest(f"{text[:40]!r} is not the id of an audit entry.", "after")
    return text


def place_of(entry_id: str) -> tuple[int, int]:
    """Where an entry stands among the others."""
    at, _, number = entry_id.partition("-")
    return int(at), int(number)
