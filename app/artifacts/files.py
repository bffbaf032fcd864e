"""Artifacts as files through fsspec: a folder of this machine, or any store with a URL (memory://, s3:// …)."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from fsspec.core import split_protocol, url_to_fs
from fsspec.implementations.local import LocalFileSystem

from app.artifacts.keys import check_key, is_key
from app.artifacts.store import UNAVAILABLE
from app.artifacts.whole import copy_whole, write_whole
from app.errors import ArtifactLost, Conflict, KinorayError, StoreUnavailable
from app.types import Artifact

T = TypeVar("T")

CHUNK_BYTES = 2**20
FILE_BYTES = 64 * 2**20
RETRY_AFTER_S = 5.0
TIMEOUT_S = 30.0
THREADS = 16  # calls at a time; a store that stands still holds up these alone, not the process' other threads
_S3 = ("s3", "s3a")
_WRITTEN = ("mtime", "LastModified", "last_modified", "updated", "created")  # as fsspec's file systems call it


class FileArtifacts:
    """The ArtifactStore port below one root URL. Blocking calls run on threads; one longer than `timeout_s` failed.

    Credentials, endpoint and region of an object store come from the environment, as its library reads them.
    """

    def __init__(self, root: str, timeout_s: float = TIMEOUT_S) -> None:
        # What another process has written or removed is seen at once: nothing of a listing is remembered.
        fresh = {"use_listings_cache": False, "skip_instance_cache": True}
        self._fs, path = url_to_fs(root, **fresh, **_patience(root, timeout_s))
        self._root = path.rstrip("/")
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(THREADS, "artifacts")
        self.local = isinstance(self._fs, LocalFileSystem)

    async def put(self, key: str, content: bytes, content_type: str) -> Artifact:
        """Raises Conflict when the key holds other bytes, StoreUnavailable when it cannot be written."""
        path = self._path(key)
        try:
            await self._on_thread(lambda: self._put(path, key, content))
        except ArtifactLost as error:  # so says an object store whose bucket is not there
            raise _unavailable("there is no such place") from error
        return Artifact(key, content_type, len(content))

    async def put_file(self, key: str, path: Path, content_type: str) -> Artifact:
        """Raises Conflict when the key is taken, StoreUnavailable when it cannot be written."""
        place = self._path(key)
        try:
            # A large file may take as many times as long as one call of 64 MiB.
            patience_s = self._timeout_s * (1 + path.stat().st_size // FILE_BYTES)
            await self._on_thread(lambda: self._put_file(place, key, path), patience_s)
        except ArtifactLost as error:
            raise _unavailable("there is no such place") from error
        return Artifact(key, content_type, path.stat().st_size)

    async def read(self, artifact: Artifact, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        path = self._path(artifact.key)
        stop = artifact.size_bytes if end is None else min(end, artifact.size_bytes)
        for place in range(start, stop, CHUNK_BYTES):
            upto = min(place + CHUNK_BYTES, stop)
            chunk: bytes = await self._on_thread(partial(self._fs.cat_file, path, start=place, end=upto))
            if len(chunk) != upto - place:
                raise ArtifactLost(f"{artifact.key} is no longer whole.")
            yield chunk

    async def exists(self, artifact: Artifact) -> bool:
        path = self._path(artifact.key)
        try:
            info: dict[str, Any] = await self._on_thread(lambda: self._fs.info(path))
        except ArtifactLost:
            await self._refuse_no_bucket()
            return False
        return bool(info["type"] == "file" and info["size"] == artifact.size_bytes)

    async def delete(self, artifact: Artifact) -> None:
        path = self._path(artifact.key)
        with contextlib.suppress(ArtifactLost):
            await self._on_thread(lambda: self._fs.rm_file(path))
        if self.local:
            await self._on_thread(lambda: self._remove_empty_folders(Path(path)))

    async def makers(self) -> Sequence[str]:
        try:
            found = await self._on_thread(lambda: self._fs.ls(self._root, detail=False))
        except ArtifactLost:
            await self._refuse_no_bucket()
            return ()
        return sorted(str(name).rstrip("/").rpartition("/")[2] for name in found)

    async def written_at(self, maker: str) -> float | None:
        path = self._path(maker)
        found = await self._on_thread(lambda: self._fs.find(path, detail=True))
        times = [_written_at(info) for info in found.values()]
        known = [at for at in times if at is not None]
        return max(known) if known and len(known) == len(times) else None

    async def files(self, maker: str) -> Mapping[str, int]:
        path = self._path(maker)
        found = await self._on_thread(lambda: self._fs.find(path, detail=True))
        sizes = {str(name).partition(f"{path}/")[2]: int(info["size"]) for name, info in found.items()}
        return {f"{maker}/{name}": size for name, size in sizes.items() if is_key(f"{maker}/{name}")}

    async def clear(self, maker: str) -> None:
        path = self._path(maker)
        with contextlib.suppress(ArtifactLost):
            await self._on_thread(lambda: self._fs.rm(path, recursive=True))

    async def check(self) -> None:
        name, content = f"check/{uuid.uuid4().hex}", b"kinoray"
        written = await self.put(name, content, "application/octet-stream")
        found = b"".join([chunk async for chunk in self.read(written)])
        await self.delete(written)
        if found != content:
            raise _unavailable("it gave back other bytes")

    def _path(self, key: str) -> str:
        return f"{self._root}/{check_key(key)}"

    async def _on_thread(self, work: Callable[[], T], patience_s: float | None = None) -> T:
        """Do blocking work; the store's errors come out under our names."""
        call = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.wait_for(call, patience_s or self._timeout_s)
        except FileNotFoundError as error:
            raise ArtifactLost("The artifact is no longer stored.") from error
        except (asyncio.TimeoutError, TimeoutError) as error:
            raise _unavailable(f"it did not answer within {self._timeout_s:g} s") from error
        except OSError as error:
            raise _unavailable(error.strerror or type(error).__name__) from error
        except KinorayError:
            raise
        except Exception as error:  # whatever a store's own library calls its troubles
            raise _unavailable(type(error).__name__) from error

    async def _refuse_no_bucket(self) -> None:
        """Nothing is lost where the whole store is not there. Raises StoreUnavailable."""
        bucket = self._root.partition("/")[0]
        if bucket and not await self._on_thread(lambda: self._fs.exists(bucket)):
            raise _unavailable("there is no such place")

    def _put(self, path: str, key: str, content: bytes) -> None:
        if self._fs.exists(path):
            if self._fs.cat_file(path) != content:
                raise Conflict(f"{key} is stored already.")
        elif self.local:
            write_whole(Path(path), content)
        else:  # object stores show a file only when it is whole
            self._fs.pipe_file(path, content)

    def _put_file(self, path: str, key: str, source: Path) -> None:
        if self._fs.exists(path):
            raise Conflict(f"{key} is stored already.")
        if self.local:
            copy_whole(Path(path), source)
        else:
            self._fs.put_file(str(source), path)

    def _remove_empty_folders(self, path: Path) -> None:
        """Up to the root; a folder that is in use, or already gone, ends the climb."""
        root = Path(self._root)
        with contextlib.suppress(OSError):
            for folder in path.parents:
                if root not in folder.parents:
                    return
                folder.rmdir()


def _patience(root: str, timeout_s: float) -> dict[str, Any]:
    """Options by which a store's own library gives up about when we do, so that threads come back."""
    if split_protocol(root)[0] not in _S3:
        return {}
    limits = {"connect_timeout": min(5.0, timeout_s), "read_timeout": timeout_s, "retries": {"max_attempts": 2}}
    return {"config_kwargs": limits}


def _written_at(info: dict[str, Any]) -> float | None:
    found = next((info[name] for name in _WRITTEN if info.get(name) is not None), None)
    if isinstance(found, datetime):
        return found.timestamp()
    return float(found) if isinstance(found, (int, float)) else None


def _unavailable(why: str) -> StoreUnavailable:
    return StoreUnavailable(f"The artifact store failed: {why}.", code=UNAVAILABLE, retry_after_s=RETRY_AFTER_S)
