"""Writes the audit log behind the answers: entries are collected for a moment and go to the log together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from app.access.audit.entry import AuditEntry
from app.access.audit.log import AuditLog
from app.errors import StoreUnavailable
from app.service.background import Background

log = logging.getLogger(__name__)
SOON_S: Final = 0.2
AGAIN_S: Final = 2.0  # after Redis did not take them
MOST_WAITING: Final = 20_000
MOST_AT_ONCE: Final = 500
STRANGERS: Final = 120
"""Refusals of callers without a valid key that are written in a minute: a flood of them pushes no entry out."""
MINUTE_S: Final = 60.0


class AuditWriter:
    """Takes entries without waiting. What a process has not written when it is killed is lost: `SOON_S` of entries."""

    def __init__(
        self,
        into: AuditLog,
        background: Background | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log, self._monotonic = into, monotonic
        self._background = background or Background()
        self._waiting: deque[AuditEntry] = deque(maxlen=MOST_WAITING)
        self._timer: asyncio.TimerHandle | None = None
        self._minute_from, self._strangers, self._untold = float("-inf"), 0, 0
        self._writing = asyncio.Lock()

    def note(self, entry: AuditEntry) -> None:
        """Have an entry written soon."""
        if not entry.known:
            if not self._may_write_stranger():
                return
            entry, self._untold = replace(entry, untold=self._untold), 0
        if len(self._waiting) == MOST_WAITING:
            log.error("An audit entry is lost: %d wait for Redis.", MOST_WAITING)
        self._waiting.append(entry)
        self._set_timer(SOON_S)

    async def flush(self) -> None:
        """Write all that waits, as far as the log takes it."""
        async with self._writing:
            while self._waiting:
                batch = [self._waiting[place] for place in range(min(MOST_AT_ONCE, len(self._waiting)))]
                try:
                    await self._log.append(batch)
                except StoreUnavailable as error:
                    log.warning("%d audit entries wait: %s", len(self._waiting), error)
                    self._set_timer(AGAIN_S)
                    return
                for entry in batch:
                    if self._waiting and self._waiting[0] is entry:  # else it was pushed out meanwhile
                        self._waiting.popleft()

    def _may_write_stranger(self) -> bool:
        now = self._monotonic()
        if now - self._minute_from >= MINUTE_S:
            self._minute_from, self._strangers = now, 0
        self._strangers += 1
        if self._strangers > STRANGERS:
            self._untold += 1
            return False
        return True

    def _set_timer(self, after_s: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(after_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._background.spawn(self.flush(), "writing the audit log")
