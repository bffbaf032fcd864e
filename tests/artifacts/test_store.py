"""What every ArtifactStore promises: in memory, in a folder, in fsspec's memory file system, on an S3 server."""

from __future__ import annotations

import asyncio
import resource
import time
import uuid
from pathlib import Path

import pytest

from app.artifacts.files import FileArtifacts
from app.artifacts.memory import MemoryArtifacts
from app.artifacts.store import ArtifactStore
from app.errors import Conflict, NotFound, StoreUnavailable
from app.types import Artifact
from tests.artifacts.s3_server import BUCKET

pytestmark = pytest.mark.anyio

KEY = "video_0123456789abcdef/1/video.mp4"
LARGE = bytes(range(256)) * 10_000  # 2.56 MB: three chunks


@pytest.fixture(params=["memory", "file", "fsspec", "s3"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    if request.param == "memory":
        return MemoryArtifacts()
    if request.param == "file":
        return FileArtifacts((tmp_path / "arti facts").as_uri())
    if request.param == "s3":
        request.getfixturevalue("s3")
        return FileArtifacts(f"s3://{BUCKET}/{uuid.uuid4().hex}")
    return FileArtifacts(f"memory://{uuid.uuid4().hex}")


async def read(store: ArtifactStore, artifact: Artifact, start: int = 0, end: int | None = None) -> bytes:
    chunks = [chunk async for chunk in store.read(artifact, start, end)]
    assert all(0 < len(chunk) <= 2**20 for chunk in chunks)
    return b"".join(chunks)


async def test_what_was_put_is_read(artifacts: ArtifactStore) -> None:
    made = await artifacts.put(KEY, LARGE, "video/mp4")
    assert made == Artifact(KEY, "video/mp4", len(LARGE))
    assert await read(artifacts, made) == LARGE
    assert await artifacts.exists(made)


@pytest.mark.parametrize(("start", "end"), [(0, 1), (5, 2**20 + 5), (2**20, None), (10, 10), (2_559_999, 9_999_999)])
async def test_any_range_can_be_read(artifacts: ArtifactStore, start: int, end: int | None) -> None:
    made = await artifacts.put(KEY, LARGE, "video/mp4")
    assert await read(artifacts, made, start, end) == LARGE[start:end]


async def test_a_file_of_this_machine_is_put_whole_and_once(artifacts: ArtifactStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(LARGE)
    made = await artifacts.put_file(KEY, source, "video/mp4")
    assert made == Artifact(KEY, "video/mp4", len(LARGE))
    assert await read(artifacts, made) == LARGE
    source.write_bytes(b"other")
    with pytest.raises(Conflict):
        await artifacts.put_file(KEY, source, "video/mp4")
    assert await artifacts.files(KEY.partition("/")[0]) == {KEY: len(LARGE)}


async def test_a_key_is_written_once(artifacts: ArtifactStore) -> None:
    made = await artifacts.put(KEY, b"first", "video/mp4")
    assert await artifacts.put(KEY, b"first", "video/mp4") == made
    with pytest.raises(Conflict):
        await artifacts.put(KEY, b"other", "video/mp4")
    assert await read(artifacts, made) == b"first"


async def test_what_is_deleted_is_gone_and_deleting_again_is_fine(artifacts: ArtifactStore) -> None:
    made = await artifacts.put(KEY, b"bytes", "video/mp4")
    await artifacts.delete(made)
    await artifacts.delete(made)
    assert not await artifacts.exists(made)
    with pytest.raises(NotFound):
        await read(artifacts, made)


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/.hidden", "a\\b", "a/b\n", "s3://x", "ü"]
)
async def test_a_key_cannot_leave_the_store(artifacts: ArtifactStore, key: str) -> None:
    with pytest.raises(NotFound):
        await artifacts.put(key, b"x", "text/plain")
    for call in (artifacts.exists, artifacts.delete):
        with pytest.raises(NotFound):
            await call(Artifact(key, "text/plain", 1))
    with pytest.raises(NotFound):
        await read(artifacts, Artifact(key, "text/plain", 1))


async def test_a_makers_files_are_found_dated_and_cleared(artifacts: ArtifactStore) -> None:
    assert list(await artifacts.makers()) == []
    files = [await artifacts.put(f"{maker}/1/{n}.bin", b"x", "x/y") for maker in ("a", "b") for n in range(2)]
    assert list(await artifacts.makers()) == ["a", "b"]
    assert abs((await artifacts.written_at("a") or 0.0) - time.time()) < 30
    assert await artifacts.written_at("c") is None
    for _ in range(2):
        await artifacts.clear("a")
    assert list(await artifacts.makers()) == ["b"]
    assert [await artifacts.exists(file) for file in files] == [False, False, True, True]


async def test_a_healthy_store_passes_its_check(artifacts: ArtifactStore) -> None:
    await artifacts.check()


async def test_a_shortened_file_is_not_served_as_whole(tmp_path: Path) -> None:
    store = FileArtifacts(tmp_path.as_uri())
    made = await store.put(KEY, b"0123456789", "video/mp4")
    (tmp_path / KEY).write_bytes(b"01234")
    assert not await store.exists(made)
    with pytest.raises(NotFound):
        await read(store, made)


async def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = FileArtifacts((tmp_path / "file").as_uri())
    with pytest.raises(StoreUnavailable):
        await store.check()
    with pytest.raises(StoreUnavailable):
        await store.put(KEY, b"x", "video/mp4")


async def test_nothing_half_written_and_no_empty_folder_stays_behind(tmp_path: Path) -> None:
    root = tmp_path / "artifacts"
    store = FileArtifacts(root.as_uri())
    made = await asyncio.gather(*(store.put(f"job/{n % 4}/{n}.bin", bytes([n]) * 1000, "x/y") for n in range(16)))
    assert len([path for path in root.rglob("*") if path.is_file()]) == 16
    await asyncio.gather(*(store.delete(artifact) for artifact in made))
    assert list(root.iterdir()) == []


async def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    store = FileArtifacts(tmp_path.as_uri())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))  # no file may grow beyond: the disk says so
    try:
        with pytest.raises(StoreUnavailable, match="File too large") as told:
            await store.put(KEY, LARGE, "video/mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert told.value.error_code == "artifact_store_unavailable"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
