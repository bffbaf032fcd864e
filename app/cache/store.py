"""The port to cached bytes: levels (results, embeddings …), keys, times to live, figures by level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

RESULTS = "results"
EMBEDDINGS = "embeddings"
SIMILAR = "similar"  # final latents


@dataclass(frozen=True, slots=True)
class LevelFigures:
    """What one level has done and holds. Evictions are of entries that left for lack of room, not of time."""

    hits: int = 0
    misses: int = 0
    entries: int = 0
    size_bytes: int = 0
    evictions: int = 0
    saved_step_seconds: float = 0.0
    near_evictions: int = 0  # from a memory in front; the shared tier may still have them


class ByteCache(Protocol):
    """Bytes by level and key. Never raises: a cache that fails answers as if it were empty, and counts it."""

    async def get(self, level: str, key: str) -> bytes | None:
        """The bytes, or None."""
        ...

    async def put(self, level: str, key: str, value: bytes, ttl_s: float, worth: float = 0.0) -> None:
        """Keep for `ttl_s`; a hit saves `worth` step-seconds, by which a full cache decides who leaves."""
        ...

    async def drop(self, level: str, key: str) -> None:
        """Forget one entry."""
        ...

    async def clear(self, level: str | None = None) -> int:
        """Forget all entries, or those of a level; how many there were. Figures go on."""
        ...

    async def figures(self) -> dict[str, LevelFigures]:
        """Hits, misses, entries, bytes, evictions and savings by level."""
        ...

    async def healthy(self) -> bool:
        """Whether the shared tier answers."""
        ...
