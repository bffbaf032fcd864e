"""The port to stored results; the finisher writes, every router reads byte ranges."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from app.types import Artifact


class ArtifactStore(Protocol):
    """Immutable files by key (`<job>/<fence>/<name>`). Raises StoreUnavailable when the store fails."""

    async def put(self, key: str, content: bytes, content_type: str) -> Artifact:
        """Store whole or not at all; a key is written once (the same bytes again are fine)."""
        ...

    def read(self, artifact: Artifact, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Chunks (at most 1 MiB) of bytes `start` up to but not including `end`. Raises NotFound when it is gone."""
        ...

    async def exists(self, artifact: Artifact) -> bool:
        """Whether the artifact can be read in full length."""
        ...

    async def delete(self, artifact: Artifact) -> None:
        """Remove; missing is fine."""
        ...

    async def check(self) -> None:
        """Raises StoreUnavailable unless a small file can be written, read and removed."""
        ...
