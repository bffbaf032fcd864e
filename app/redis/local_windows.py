"""Moving windows of this process alone: for tests, and for what goes on while the shared ones cannot be reached."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from cachetools import LRUCache

from app.redis.rate_windows import Granted, Window

KEPT: Final = 10_000  # windows


class LocalWindows:
    """The Windows port."""

    def __init__(self) -> None:
        self._entries: LRUCache[str, list[float]] = LRUCache(KEPT)  # the oldest first

    async def take(self, windows: Sequence[Window], most: int, now: float) -> Granted:
        """See the port."""
        lists = [self._within(window, now) for window in windows]
        room = [window.item.amount - len(found) for window, found in zip(windows, lists, strict=True)]
        granted = max(0, min(most, *room))
        wait_s = 0.0
        for window, found in zip(windows, lists, strict=True):
            if len(found) >= window.item.amount:
                wait_s = max(wait_s, window.item.get_expiry() - (now - found[-window.item.amount]))
            found += [now] * granted
        return Granted(granted, wait_s, tuple(map(len, lists)), tuple(found[-1] if found else now for found in lists))

    def _within(self, window: Window, now: float) -> list[float]:
        """The entries that are young enough; the others are forgotten."""
        found = self._entries.setdefault(window.key, [])
        del found[: bisect_right(found, now - window.item.get_expiry())]
        return found
