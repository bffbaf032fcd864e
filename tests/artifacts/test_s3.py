"""An S3 server that is not as it should be: without the bucket, gone, slow, refusing."""

from __future__ import annotations

import asyncio
import socket
import time
import uuid

import pytest

from app.artifacts.files import FileArtifacts
from app.errors import StoreUnavailable
from app.types import Artifact
from tests.artifacts.s3_server import BUCKET, S3Server
from tests.webhooks.receiver import receiver

pytestmark = pytest.mark.anyio

KEY = "video_0123456789abcdef/1/video.mp4"
FILE = Artifact(KEY, "video/mp4", 3)


def a_root() -> str:
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


async def refused(store: FileArtifacts) -> None:
    """Every call says that the store is unavailable; none says that a file is not there."""
    calls = (store.put(KEY, b"abc", "video/mp4"), store.exists(FILE), store.makers(), store.check())
    for call in calls:
        with pytest.raises(StoreUnavailable) as told:
            await call
        assert (told.value.status, told.value.error_code) == (503, "artifact_store_unavailable")


async def test_a_missing_bucket_is_no_lost_file(s3: S3Server) -> None:
    await refused(FileArtifacts("s3://no-such-bucket/x"))


async def test_what_another_process_does_is_seen_at_once(s3: S3Server) -> None:
    root = a_root()
    one, other = FileArtifacts(root), FileArtifacts(root)
    assert not await one.exists(FILE)
    await other.put(KEY, b"abc", "video/mp4")
    assert await one.exists(FILE)
    await other.delete(FILE)
    assert not await one.exists(FILE)


async def test_a_server_that_is_gone_is_told_in_time_and_works_again_when_it_is_back(s3: S3Server) -> None:
    store = FileArtifacts(a_root(), timeout_s=6.0)
    await store.put(KEY, b"abc", "video/mp4")
    s3.stop()
    began = time.monotonic()
    await refused(store)
    assert time.monotonic() - began < 30
    s3.start()
    await store.put(KEY, b"abc", "video/mp4")
    assert await store.exists(FILE)


async def test_a_server_that_never_answers_is_left_in_time(
    s3_environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        store = FileArtifacts(a_root(), timeout_s=0.5)
        with pytest.raises(StoreUnavailable):
            await store.exists(FILE)  # loads the library, which may take a busy machine seconds
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="within 0.5 s"):
            await store.put(KEY, b"abc", "video/mp4")
        assert time.monotonic() - began < 2
        assert await asyncio.to_thread(lambda: "free") == "free"  # other threads of the process are


async def test_a_full_server_is_told(s3_environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver() as full:
        full.answers = [b"507 Insufficient Storage"]
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{full.port}")
        with pytest.raises(StoreUnavailable):
            await FileArtifacts(a_root(), timeout_s=20.0).put(KEY, b"abc", "video/mp4")
        assert full.came
