"""Artifacts in this process: tests and tools."""

from __future__ import annotations

from collections.abc import AsyncIterator

from app.artifacts.keys import check_key
from app.errors import Conflict, NotFound
from app.types import Artifact

CHUNK_BYTES = 2**20


class MemoryArtifacts:
    """The ArtifactStore port."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    async def put(self, key: str, content: bytes, content_type: str) -> Artifact:
        """Raises Conflict when the key holds other bytes."""
        if self._kept.setdefault(check_key(key), content) != content:
            raise Conflict(f"{key} is stored already.")
        return Artifact(key, content_type, len(content))

    async def read(self, artifact: Artifact, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        content = self._kept.get(check_key(artifact.key))
        if content is None:
            raise NotFound(f"{artifact.key} is no longer stored.", code="content_gone")
        stop = len(content) if end is None else min(end, len(content))
        for place in range(start, stop, CHUNK_BYTES):
            yield content[place : min(place + CHUNK_BYTES, stop)]

    async def exists(self, artifact: Artifact) -> bool:
        return len(self._kept.get(check_key(artifact.key), b"")) == artifact.size_bytes

    async def delete(self, artifact: Artifact) -> None:
        self._kept.pop(check_key(artifact.key), None)

    async def check(self) -> None:
        return None
