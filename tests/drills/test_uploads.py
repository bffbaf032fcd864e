"""A large picture goes on where it was when the Router that took it is killed: another one takes the next chunk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from app.service.file_uploads import PART_BYTES
from tests.ports import free_port
from tests.waiting import wait_until

pytestmark = pytest.mark.anyio
SIZE_BYTES = int(os.environ.get("KINORAY_TEST_UPLOAD_MIB", "24")) * 2**20


def large_png(path: Path, size_bytes: int) -> Path:
    """A picture of 64 x 48 that is so large by a chunk that nobody reads, of bytes that differ from place to place."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (64).to_bytes(4, "big") + (48).to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    rows = b"".join(b"\0" + bytes([200, 30, 30]) * 64 for _ in range(48))
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
        while file.tell() < size_bytes - 2 * 2**20:
            file.write(chunk(b"kiNo", file.tell().to_bytes(8, "big") * 2**17))
        file.write(chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path


@contextmanager
def router(redis_url: str, prefix: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    words = [sys.executable, "-m", "tests.drills.upload_router", redis_url, prefix, str(folder), str(port)]
    process = subprocess.Popen(words)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(url), within_s=120.0)
        yield process, url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live").is_success
    except httpx.TransportError:
        return False


@pytest.mark.redis
async def test_an_upload_goes_on_after_its_router_was_killed(redis_url: str, prefix: str, tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    file = large_png(tmp_path / "large.png", SIZE_BYTES)
    length = file.stat().st_size
    tus = {"tus-resumable": "1.0.0"}
    with router(redis_url, prefix, folder) as (process, url):
        async with httpx.AsyncClient(base_url=url, timeout=60) as first, await anyio.open_file(file, "rb") as content:
            begun = await first.post("/v1/uploads", headers={**tus, "upload-length": str(length)})
            upload = begun.json()["id"]

            async def half() -> AsyncIterator[bytes]:
                """All of it in one chunk; when the half is sent, the Router is killed."""
                sent = 0
                while piece := await content.read(2**20):
                    sent += len(piece)
                    yield piece
                    if sent > length // 2:
                        process.send_signal(signal.SIGKILL)
                        process.wait()

            headers = {**tus, "upload-offset": "0", "content-type": "application/offset+octet-stream"}
            with pytest.raises(httpx.TransportError):
                await first.patch(f"/v1/uploads/{upload}", headers=headers, content=half())
    with router(redis_url, prefix, folder) as (_, url):
        async with Kinoray(url, timeout_s=60) as client:
            there = int((await client.uploads.retrieve(upload))["offset"])
            assert length // 2 - 16 * PART_BYTES < there < length, "what was stored is not sent again"
            assert there > 0
            told: list[int] = []
            kept = await client.uploads.resume(upload, file, on_sent=told.append)
            assert (kept["status"], kept["width"], kept["height"]) == ("completed", 64, 48)
            assert told[0] > there
            video = await client.create("a red ball", input_reference={"upload": upload})
            assert video.status == "queued"
            with pytest.raises(KinorayClientError):
                await client.uploads.retrieve("upload_" + "0" * 32)
    parts = sorted((folder / upload).iterdir())
    whole, wanted = _crc(parts), _crc([file])
    assert whole == wanted


def _crc(paths: list[Path]) -> int:
    """Of all of them, one behind the other."""
    found = 0
    for path in paths:
        with path.open("rb") as content:
            while piece := content.read(2**20):
                found = zlib.crc32(piece, found)
    return found
