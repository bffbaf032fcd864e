"""Artifacts as files through fsspec: a folder of this machine, or any store with a URL (memory://, s3:// …)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from fsspec.core import url_to_fs
from fsspec.exceptions import FSTimeoutError
from fsspec.implementations.local import LocalFileSystem

from app.artifacts.keys import check_key
from app.errors import Conflict, NotFound, StoreUnavailable
from app.types import Artifact

T = TypeVar("T")

CHUNK_BYTES = 2**20
RETRY_AFTER_S = 5.0


class FileArtifacts:
    """The ArtifactStore port below one root URL. Blocking calls run on threads."""

    def __init__(self, root: str) -> None:
        self._fs, path = url_to_fs(root)
        self._root = path.rstrip("/")
        self._local = isinstance(self._fs, LocalFileSystem)

    async def put(self, key: str, content: bytes, content_type: str) -> Artifact:
        """Raises Conflict when the key holds other bytes, StoreUnavailable when it cannot be written."""
        path = self._path(key)
        await self._on_thread(lambda: self._put(path, key, content))
        return Artifact(key, content_type, len(content))

    async def read(self, artifact: Artifact, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        path = self._path(artifact.key)
        stop = artifact.size_bytes if end is None else min(end, artifact.size_bytes)
        for place in range(start, stop, CHUNK_BYTES):
            upto = min(place + CHUNK_BYTES, stop)
            chunk: bytes = await self._on_thread(partial(self._fs.cat_file, path, start=place, end=upto))
            if len(chunk) != upto - place:
                raise NotFound(f"{artifact.key} is no longer whole.", code="content_gone")
            yield chunk

    async def exists(self, artifact: Artifact) -> bool:
        path = self._path(artifact.key)
        try:
            info: dict[str, Any] = await self._on_thread(lambda: self._fs.info(path))
        except NotFound:
            return False
        return bool(info["type"] == "file" and info["size"] == artifact.size_bytes)

    async def delete(self, artifact: Artifact) -> None:
        path = self._path(artifact.key)
        with contextlib.suppress(NotFound):
            await self._on_thread(lambda: self._fs.rm_file(path))
        if self._local:
            await self._on_thread(lambda: self._remove_empty_folders(Path(path)))

    async def check(self) -> None:
        name, content = f"check/{uuid.uuid4().hex}", b"kinoray"
        written = await self.put(name, content, "application/octet-stream")
        found = b"".join([chunk async for chunk in self.read(written)])
        await self.delete(written)
        if found != content:
            raise StoreUnavailable("The artifact store gave back other bytes.", retry_after_s=RETRY_AFTER_S)

    def _path(self, key: str) -> str:
        return f"{self._root}/{check_key(key)}"

    async def _on_thread(self, work: Callable[[], T]) -> T:
        """Do blocking work; the store's errors come out under our names."""
        try:
            return await asyncio.to_thread(work)
        except FileNotFoundError as error:
            raise NotFound("The artifact is no longer stored.", code="content_gone") from error
        except (OSError, FSTimeoutError) as error:
            message = f"The artifact store failed: {type(error).__name__}."
            raise StoreUnavailable(message, retry_after_s=RETRY_AFTER_S) from error

    def _put(self, path: str, key: str, content: bytes) -> None:
        if self._fs.exists(path):
            if self._fs.cat_file(path) != content:
                raise Conflict(f"{key} is stored already.")
        elif self._local:
            _write_whole(Path(path), content)
        else:  # object stores show a file only when it is whole
            self._fs.pipe_file(path, content)

    def _remove_empty_folders(self, path: Path) -> None:
        """Up to the root; a folder that is in use, or already gone, ends the climb."""
        root = Path(self._root)
        with contextlib.suppress(OSError):
            for folder in path.parents:
                if root not in folder.parents:
                    return
                folder.rmdir()


def _write_whole(path: Path, content: bytes) -> None:
    """The file appears under its name with all its bytes on the disk, or not at all."""
    part = path.parent / f".{path.name}.{uuid.uuid4().hex}"
    for _ in range(3):  # a delete next door may remove the folder while it is still empty
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            _write_part(part, content)
            break
    try:
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    _sync(path.parent)


def _write_part(part: Path, content: bytes) -> None:
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    """Make a rename last over a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
