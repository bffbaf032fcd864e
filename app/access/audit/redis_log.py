"""The audit log as a stream of Redis, cut by count with each write and by age once a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Final

import orjson
from pydantic import TypeAdapter

from app.access.audit.entry import AuditEntry, AuditFilter
from app.access.audit.log import MOST_LOOKED_AT, AuditPage, Retention, checked_entry_id
from app.redis.commands import Commands
from app.redis.connection import Client
from app.redis.replies import Word, mapping

TRIM_S: Final = 60.0
READ_AT_ONCE: Final = 500
_ENTRY = TypeAdapter(AuditEntry)


class RedisAuditLog:
    """The AuditLog port."""

    def __init__(self, redis: Client, prefix: str, retention: Retention, wall: Callable[[], float] = time.time) -> None:
        self._commands = Commands(redis)
        self._key = f"{{{prefix}}}:audit"
        self._retention, self._wall = retention, wall
        self._trimmed_at = 0.0

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        most = self._retention.most
        lines: list[Sequence[Word]] = [
            ("XADD", self._key, "MAXLEN", "~", most, "*", "e", orjson.dumps(_told(entry))) for entry in entries
        ]
        if (now := self._wall()) - self._trimmed_at >= TRIM_S:
            lines.append(("XTRIM", self._key, "MINID", int(1000 * (now - self._retention.kept_s))))
        if lines:
            await self._commands.all(lines)
            self._trimmed_at = now if len(lines) > len(entries) else self._trimmed_at

    async def page(self, wanted: AuditFilter, after: str | None, limit: int, newest_first: bool) -> AuditPage:
        mark = None if after is None else checked_entry_id(after)
        first, last = _bounds(wanted)
        found: list[tuple[str, AuditEntry]] = []
        for _ in range(MOST_LOOKED_AT // READ_AT_ONCE):
            rows = await self._read(first, last, mark, newest_first)
            for entry_id, entry in rows:
                if len(found) == limit and wanted.takes(entry):
                    return AuditPage(tuple(found), found[-1][0])
                if wanted.takes(entry):
                    found.append((entry_id, entry))
            if len(rows) < READ_AT_ONCE:
                return AuditPage(tuple(found), None)
            mark = rows[-1][0]
        return AuditPage(tuple(found), mark)

    async def _read(self, first: str, last: str, mark: str | None, newest_first: bool) -> list[tuple[str, AuditEntry]]:
        words: tuple[Word, ...]
        if newest_first:
            words = ("XREVRANGE", self._key, last if mark is None else f"({mark}", first)
        else:
            words = ("XRANGE", self._key, first if mark is None else f"({mark}", last)
        reply = await self._commands.call(*words, "COUNT", READ_AT_ONCE)
        return [(row_id.decode(), _entry(mapping(fields))) for row_id, fields in reply or ()]


def _bounds(wanted: AuditFilter) -> tuple[str, str]:
    """The ids between which entries of that time lie. They were written up to a minute after they happened."""
    first = "-" if wanted.since is None else str(max(0, int(1000 * wanted.since)))
    return first, "+" if wanted.until is None else str(max(0, int(1000 * (wanted.until + TRIM_S))))


def _told(entry: AuditEntry) -> Mapping[str, object]:
    return {name: value for name, value in asdict(entry).items() if value not in (None, 0)}


def _entry(fields: Mapping[bytes, bytes]) -> AuditEntry:
    return _ENTRY.validate_json(fields[b"e"])
