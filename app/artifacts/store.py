"""The port to stored results; the finisher writes, every router reads byte ranges."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from app.types import Artifact

UNAVAILABLE = "artifact_store_unavailable"
"""The code of a StoreUnavailable that is not about Redis."""


class ArtifactStore(Protocol):
    """Immutable files by key (`<job>/<fence>/<name>`; fences never begin again, `app.jobs.epoch`).

    Raises StoreUnavailable (`artifact_store_unavailable`) when the store fails, is full, does not answer in time, or
    is not there at all.
    """

    @property
    def local(self) -> bool:
        """Whether the files are on this machine alone, and not for other nodes to read."""
        ...

    async def put(self, key: str, content: bytes, content_type: str) -> Artifact:
        """Store whole or not at all; a key is written once (the same bytes again are fine)."""
        ...

    async def put_file(self, key: str, path: Path, content_type: str) -> Artifact:
        """As `put`, from a file of this machine, which is never held in memory whole; a key is written once."""
        ...

    def read(self, artifact: Artifact, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Chunks (at most 1 MiB) of the bytes from `start` up to before `end`. Raises ArtifactLost when it is gone."""
        ...

    async def exists(self, artifact: Artifact) -> bool:
        """Whether the artifact can be read in full length."""
        ...

    async def delete(self, artifact: Artifact) -> None:
        """Remove; missing is fine."""
        ...

    async def makers(self) -> Sequence[str]:
        """The first names of all keys: the ids of the jobs that made the files, and whatever else lies there."""
        ...

    async def written_at(self, maker: str) -> float | None:
        """When the newest file of a maker was written, Unix seconds; None when there is none or it is not known."""
        ...

    async def files(self, maker: str) -> Mapping[str, int]:
        """The keys of a maker's files with their sizes in bytes."""
        ...

    async def clear(self, maker: str) -> None:
        """Remove all files of a maker; none is fine."""
        ...

    async def check(self) -> None:
        """Raises StoreUnavailable unless a small file can be written, read and removed."""
        ...
