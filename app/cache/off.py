"""The cache that is switched off: everything is made anew."""

from __future__ import annotations

from app.cache.store import LevelFigures


class NoCache:
    """The ByteCache port, always empty."""

    async def get(self, level: str, key: str) -> bytes | None:
        return None

    async def put(self, level: str, key: str, value: bytes, ttl_s: float, worth: float = 0.0) -> None:
        return None

    async def drop(self, level: str, key: str) -> None:
        return None

    async def clear(self, level: str | None = None) -> int:
        return 0

    async def figures(self) -> dict[str, LevelFigures]:
        return {}

    async def healthy(self) -> bool:
        return True
