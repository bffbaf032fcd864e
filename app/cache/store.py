"""The port to cached bytes: levels (results, embeddings …), keys, times to live, figures by level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

RESULTS = "results"
EMBEDDINGS = "embeddings"


@dataclass(frozen=True, slots=True)
class LevelFigures:
    """What one level has done and holds."""

    hits: int = 0
    misses: int = 0
    entries: int = 0
    size_bytes: int = 0


class ByteCache(Protocol):
    """Bytes by level and key. Never raises: a cache that fails answers as if it were empty, and counts it."""

    async def get(self, level: str, key: str) -> bytes | None:
        """The bytes, or None."""
        ...

    async def put(self, level: str, key: str, value: bytes, ttl_s: float) -> None:
        """Keep for `ttl_s`."""
        ...

    async def drop(self, level: str, key: str) -> None:
        """Forget one entry."""
        ...

    async def figures(self) -> dict[str, LevelFigures]:
        """Hits, misses, entries and bytes by level."""
        ...

    async def healthy(self) -> bool:
        """Whether the shared tier answers."""
        ...
