"""Uploaded LoRAs on a replica's machine: fetched once, checked against their digest, kept while somebody holds them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from app.artifacts.memory import MemoryArtifacts
from app.errors import AdapterUnusable
from app.types import Artifact, Phase, UploadedLora
from app.worker.adapter_files import AdapterFiles
from tests.worker.workplace import SHORT, Workplace

pytestmark = pytest.mark.anyio
MOST = 2**20
Make = Callable[..., Workplace]


class Counting(MemoryArtifacts):
    """Counts what is read."""

    reads = 0

    async def read(self, artifact: Artifact, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        self.reads += 1
        async for chunk in super().read(artifact, start, end):
            yield chunk


async def upload(artifacts: MemoryArtifacts, data: bytes, digest: str | None = None) -> UploadedLora:
    sha256 = digest or hashlib.sha256(data).hexdigest()
    stored = await artifacts.put(f"lora_{sha256[:8]}/adapter.safetensors", data, "x")
    return UploadedLora(f"lora_{sha256[:8]}", "ink", "shapes", sha256, stored)


async def test_a_file_is_fetched_once_for_all_who_need_it_at_once_and_later() -> None:
    artifacts, files = Counting(), AdapterFiles()
    wanted = await upload(artifacts, b"weights")

    async def use() -> bytes:
        async with files.held([wanted], artifacts, MOST) as found:
            return found[wanted.mark].read_bytes()

    assert await asyncio.gather(*(use() for _ in range(3))) == [b"weights"] * 3
    assert await use() == b"weights"
    assert artifacts.reads == 1


async def test_other_bytes_than_were_uploaded_are_not_used_and_what_is_gone_is_told() -> None:
    artifacts, files = MemoryArtifacts(), AdapterFiles()
    changed = await upload(artifacts, b"weights", "0" * 64)
    with pytest.raises(AdapterUnusable, match="not what was uploaded"):
        async with files.held([changed], artifacts, MOST):
            pass
    gone = await upload(artifacts, b"others")
    await artifacts.delete(gone.artifact)
    with pytest.raises(AdapterUnusable, match="no longer stored"):
        async with files.held([gone], artifacts, MOST):
            pass


async def test_the_longest_unused_go_when_room_is_short_but_never_what_is_held() -> None:
    artifacts, files = MemoryArtifacts(), AdapterFiles()
    first, second, third = [await upload(artifacts, bytes([number]) * 10) for number in range(3)]
    async with files.held([first], artifacts, 20) as held:
        async with files.held([second], artifacts, 20) as passing:
            pass
        async with files.held([third], artifacts, 20):
            assert held[first.mark].exists()
            assert not passing[second.mark].exists()


async def test_a_job_whose_adapter_is_gone_fails_with_a_clear_code_and_the_next_one_runs(workplace: Make) -> None:
    here = workplace()
    lora = UploadedLora("lora_1", "ink", "shapes", "0" * 64, Artifact("lora_1/adapter.safetensors", "x", 7))
    failed = await here.run(plan=replace(SHORT, adapters=((lora.mark, 1.0),), uploads=(lora,)))
    assert failed.failure is not None
    assert (failed.phase, failed.failure.code) == (Phase.FAILED, "lora_unusable")
    assert (await here.run()).phase is Phase.COMPLETED
