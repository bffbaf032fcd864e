"""Artifacts in this process: tests and tools."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from app.artifacts.keys import check_key
from app.errors import ArtifactLost, Conflict
from app.types import Artifact

CHUNK_BYTES = 2**20


class MemoryArtifacts:
    """The ArtifactStore port."""

    local = True

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._kept: dict[str, bytes] = {}
        self._written: dict[str, float] = {}
        self._clock = clock

    async def put(self, key: str, content: bytes, content_type: str) -> Artifact:
        """Raises Conflict when the key holds other bytes."""
        if self._kept.setdefault(check_key(key), content) != content:
            raise Conflict(f"{key} is stored already.")
        self._written.setdefault(key, self._clock())
        return Artifact(key, content_type, len(content))

    async def put_file(self, key: str, path: Path, content_type: str) -> Artifact:
        return await self.put(key, await asyncio.to_thread(path.read_bytes), content_type)

    async def read(self, artifact: Artifact, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        content = self._kept.get(check_key(artifact.key))
        if content is None:
            raise ArtifactLost(f"{artifact.key} is no longer stored.")
        stop = len(content) if end is None else min(end, len(content))
        for place in range(start, stop, CHUNK_BYTES):
            yield content[place : min(place + CHUNK_BYTES, stop)]

    async def exists(self, artifact: Artifact) -> bool:
        return len(self._kept.get(check_key(artifact.key), b"")) == artifact.size_bytes

    async def delete(self, artifact: Artifact) -> None:
        self._kept.pop(check_key(artifact.key), None)
        self._written.pop(artifact.key, None)

    async def makers(self) -> Sequence[str]:
        return sorted({key.partition("/")[0] for key in self._kept})

    async def written_at(self, maker: str) -> float | None:
        return max((at for key, at in self._written.items() if key.startswith(f"{maker}/")), default=None)

    async def files(self, maker: str) -> Mapping[str, int]:
        return {key: len(kept) for key, kept in self._kept.items() if key.startswith(f"{maker}/")}

    async def clear(self, maker: str) -> None:
        for key in [key for key in self._kept if key.startswith(f"{maker}/")]:
            del self._kept[key], self._written[key]

    async def check(self) -> None:
        return None
