"""Uploaded LoRAs' files on a replica's machine: fetched when a job first needs one, checked, kept while they fit."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import weakref
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from app.artifacts.store import ArtifactStore
from app.errors import AdapterUnusable, ArtifactLost
from app.types import UploadedLora


class AdapterFiles:
    """A folder of its own, made when the first file comes. Files that attempts hold are never removed."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._kept: OrderedDict[str, int] = OrderedDict()  # by SHA-256, the longest unused first: bytes
        self._held: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def held(
        self, uploads: Sequence[UploadedLora], artifacts: ArtifactStore, most_bytes: int
    ) -> AsyncIterator[Mapping[str, Path]]:
        """The files by the uploads' marks, on this machine for as long as it lasts.

        Raises:
            AdapterUnusable: one is no longer stored, or is not what was uploaded.
            StoreUnavailable: the store does not answer.
        """
        digests = {upload.sha256 for upload in uploads}
        self._held.update(digests)
        try:
            files = {upload.mark: await self._file(upload, artifacts) for upload in uploads}
            self._make_room(most_bytes)
            yield files
        finally:
            self._held.subtract(digests)

    async def _file(self, upload: UploadedLora, artifacts: ArtifactStore) -> Path:
        async with self._turns.setdefault(upload.sha256, asyncio.Lock()):
            path = self._path(upload.sha256)
            if upload.sha256 not in self._kept:
                await self._fetch(upload, artifacts, path)
                self._kept[upload.sha256] = upload.artifact.size_bytes
            self._kept.move_to_end(upload.sha256)
            return path

    async def _fetch(self, upload: UploadedLora, artifacts: ArtifactStore, path: Path) -> None:
        digest, part = hashlib.sha256(), path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                async for chunk in artifacts.read(upload.artifact):
                    digest.update(chunk)
                    await asyncio.to_thread(file.write, chunk)
        except ArtifactLost:
            part.unlink(missing_ok=True)
            raise AdapterUnusable(f"The file of the LoRA {upload.name!r} is no longer stored.") from None
        if digest.hexdigest() != upload.sha256:
            part.unlink(missing_ok=True)
            raise AdapterUnusable(f"The file of the LoRA {upload.name!r} is not what was uploaded.")
        part.rename(path)

    def _make_room(self, most_bytes: int) -> None:
        for digest in list(self._kept):
            if sum(self._kept.values()) <= most_bytes:
                return
            if self._held[digest] <= 0:
                del self._kept[digest]
                self._turns.pop(digest, None)
                self._path(digest).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="kinoray-loras-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder / f"{digest}.safetensors"
