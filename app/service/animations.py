"""A video as a GIF or a WebP, made when somebody asks: one at a time in each Router, the last ones kept in memory."""

from __future__ import annotations

from typing import Final

import anyio
from cachetools import LRUCache

from app.artifacts.store import ArtifactStore
from app.errors import Overloaded, PayloadTooLarge
from app.types import Artifact
from app.video.animated import animated

KINDS: Final = ("gif", "webp")
MOST_BYTES: Final = 64 * 2**20
"""Of a video that is taken apart for one."""
KEPT_BYTES: Final = 64 * 2**20
MOST_WAITING: Final = 8
RETRY_AFTER_S: Final = 5.0


class Animations:
    """What a Router does about them."""

    def __init__(self, artifacts: ArtifactStore) -> None:
        self._artifacts = artifacts
        self._kept: LRUCache[tuple[str, str], bytes] = LRUCache(KEPT_BYTES, getsizeof=len)
        self._turn = anyio.Semaphore(1)
        self._waiting = 0

    async def made(self, video: Artifact, kind: str) -> bytes:
        """The video in that form. Raises PayloadTooLarge, Overloaded (too many wait), StoreUnavailable."""
        name = (video.key, kind)
        if (kept := self._kept.get(name)) is not None:
            return kept
        if video.size_bytes > MOST_BYTES:
            raise PayloadTooLarge(f"The video has more than {MOST_BYTES:,} bytes; take it as it is.", "variant")
        if self._waiting >= MOST_WAITING:
            raise Overloaded("Too many animations are being made.", retry_after_s=RETRY_AFTER_S)
        self._waiting += 1
        try:
            async with self._turn:
                if (kept := self._kept.get(name)) is not None:
                    return kept
                content = b"".join([part async for part in self._artifacts.read(video, 0, None)])
                self._kept[name] = made = await anyio.to_thread.run_sync(animated, content, kind)
                return made
        finally:
            self._waiting -= 1
