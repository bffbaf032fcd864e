"""The keys that one process has looked up lately, so that a request's key is checked without asking Redis.

A counter in Redis moves with every change to a key. It is read at most once in `CHECK_S`, by the first request after
that, and when it has moved all that is remembered is forgotten: a key that is revoked is refused by every Router
`STALE_S` later at most. While Redis does not answer, keys that were good go on for `GRACE_S`: none can be revoked then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from cachetools import LRUCache

from app.access.api_key import ApiKey
from app.access.key_store import KeyStore
from app.errors import StoreUnavailable
from app.service.background import Background

log = logging.getLogger(__name__)
CHECK_S: Final = 1.0
STALE_S: Final = 3.0
GRACE_S: Final = 30.0
USES_S: Final = 10.0
"""When keys were used last is written this long after the first use that is not written yet."""
MOST_KEPT: Final = 10_000


class KeyRing:
    """Keys by id, remembered; ids that name none are remembered, too."""

    def __init__(
        self,
        store: KeyStore,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        background: Background | None = None,
    ) -> None:
        self._store, self._monotonic, self.wall = store, monotonic, wall
        self._background = background or Background()
        self._known: LRUCache[str, ApiKey | None] = LRUCache(MOST_KEPT)
        self._version: int | None = None
        self._checked_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._failure: StoreUnavailable | None = None  # of the last look
        self._uses: dict[str, float] = {}
        self._writing: asyncio.TimerHandle | None = None

    async def find(self, key_id: str) -> ApiKey | None:
        """The key of that id, as it was `STALE_S` ago or later. Raises StoreUnavailable."""
        await self._fresh()
        if key_id in self._known:
            return self._known[key_id]
        version = self._version
        found = await self._store.get(key_id)
        if version == self._version:  # else it may be older than the change that was heard of meanwhile
            self._known[key_id] = found
        return found

    async def any(self) -> bool:
        """Whether a key has ever been made here. Raises StoreUnavailable: that has never been known."""
        await self._fresh(endless=True)
        return bool(self._version)

    def heed(self) -> None:
        """A key has been changed from here: what is known is too old."""
        self._checked_at = float("-inf")
        self._looking = None  # one that is under way may have been answered before the change

    def used(self, key_id: str) -> None:
        """Note that a key was used now; it is written down later, for many uses together."""
        self._uses[key_id] = self.wall()
        if self._writing is None:
            self._writing = asyncio.get_running_loop().call_later(USES_S, self._write_soon)

    async def close(self) -> None:
        """Write what is to be written."""
        if self._writing is not None:
            self._writing.cancel()
        await self._write_uses()

    async def _fresh(self, endless: bool = False) -> None:
        """Return when what is known is new enough; `endless`: any age will do where Redis is away."""
        age_s = self._monotonic() - self._checked_at
        if age_s < CHECK_S:
            return
        look = self._look_soon()
        if age_s < STALE_S or (self._failure is not None and self._lasts(age_s, endless)):
            return
        await asyncio.shield(look)
        if self._failure is not None and not self._lasts(age_s, endless):
            raise StoreUnavailable(self._failure.message, retry_after_s=self._failure.retry_after_s)

    def _lasts(self, age_s: float, endless: bool) -> bool:
        return self._version is not None and (endless or age_s < GRACE_S)

    def _look_soon(self) -> asyncio.Task[None]:
        """The look at the counter that is under way, or a new one."""
        if self._looking is None or self._looking.done():
            self._looking = self._background.spawn(self._look(), "looking for changed keys")
        return self._looking

    async def _look(self) -> None:
        began = self._monotonic()
        try:
            version = await self._store.version()
        except StoreUnavailable as error:
            self._failure = error
            return
        if version != self._version:
            self._known.clear()
            self._version = version
        self._checked_at, self._failure = began, None

    def _write_soon(self) -> None:
        self._background.spawn(self._write_uses(), "writing when keys were used")

    async def _write_uses(self) -> None:
        uses, self._uses, self._writing = self._uses, {}, None
        try:
            await self._store.note_uses(uses)
        except StoreUnavailable:
            log.info("When %d keys were used last is not written: Redis is away.", len(uses))
