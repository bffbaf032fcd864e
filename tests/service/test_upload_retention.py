"""Uploads end: their records and parts go when their time is over, and parts that nobody knows of."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from app.artifacts.memory import MemoryArtifacts
from app.service.upload_retention import expire_uploads, tidy_upload
from app.uploads.files import FileUpload, MemoryFileUploads, MostFiles, new_id

pytestmark = pytest.mark.anyio
NOW = 1000.0


@dataclass
class Stores:
    artifacts: MemoryArtifacts = field(default_factory=lambda: MemoryArtifacts(lambda: NOW))
    uploads: MemoryFileUploads = field(default_factory=MemoryFileUploads)

    async def add(self, expires_at: float) -> str:
        upload = FileUpload(new_id(NOW), "ann", 10, NOW - 900, expires_at)
        await self.uploads.create(upload, MostFiles(10, 1000))
        await self.artifacts.put(f"{upload.id}/part", b"abc", "x")
        return upload.id


async def test_what_is_over_goes_with_its_parts_and_nothing_else() -> None:
    stores = Stores()
    over, under_way = await stores.add(NOW - 1), await stores.add(NOW + 1)
    assert await expire_uploads(stores, NOW, 10) == 1
    assert await expire_uploads(stores, NOW, 10) == 0
    assert not await stores.uploads.known(over)
    assert await stores.artifacts.makers() == [under_way]


async def test_parts_without_a_record_go_when_they_are_old() -> None:
    stores = Stores()
    known = await stores.add(NOW + 1)
    orphan = new_id(NOW)
    await stores.artifacts.put(f"{orphan}/part", b"abc", "x")
    await stores.artifacts.put("video_00000000/1/video.mp4", b"abc", "x")
    gone = [name for name in await stores.artifacts.makers() if await tidy_upload(name, stores, 60.0, NOW + 30)]
    assert gone == []
    gone = [name for name in await stores.artifacts.makers() if await tidy_upload(name, stores, 60.0, NOW + 90)]
    assert gone == [orphan]
    assert known in await stores.artifacts.makers()
