"""Uploaded LoRAs go when their time is over, and their files when no job needs them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.service.lora_retention import expire_loras
from app.service.retention import Terms, tidy
from app.settings import Settings
from app.stores import Stores, memory_stores
from app.types import Artifact, Job, Phase, UploadedLora
from app.uploads.loras import LoraUpload, Most, new_id
from tests.jobs.make import PLAN, a_job

pytestmark = pytest.mark.anyio
DAY = 86400.0
NOW = 10 * DAY
TERMS = Terms(files_s=DAY, orphans_s=3600.0)


@pytest.fixture
def stores() -> Stores:
    return memory_stores(Settings(), lambda: NOW - 5 * DAY)


async def kept(stores: Stores, expires_at: float | None = None) -> UploadedLora:
    lora_id = new_id(NOW - 5 * DAY)
    stored = await stores.artifacts.put(f"{lora_id}/adapter.safetensors", b"weights", "x")
    lora = UploadedLora(lora_id, lora_id[-8:], "shapes", "ab" * 32, stored)
    await stores.loras.create(LoraUpload(lora, "ann", NOW - 5 * DAY, expires_at), Most(10, 10**6))
    return lora


async def wearing(stores: Stores, lora: UploadedLora, phase: Phase) -> Job:
    job = a_job(phase=phase, plan=replace(PLAN, adapters=((lora.mark, 1.0),), uploads=(lora,)))
    await stores.board.hold(lora.id, job.id)
    await stores.jobs.create(job)
    return job


async def has(stores: Stores, artifact: Artifact) -> bool:
    return await stores.artifacts.exists(artifact)


async def test_one_past_its_time_goes_with_its_file_unless_a_job_still_wears_it(stores: Stores) -> None:
    worn, free, lasting = [await kept(stores, at) for at in (NOW, NOW, NOW + 1)]
    await wearing(stores, worn, Phase.QUEUED)
    assert await expire_loras(stores, NOW, 10) == 2
    assert [await has(stores, each.artifact) for each in (worn, free, lasting)] == [True, False, True]
    assert [each.lora for each in await stores.loras.own("ann", NOW)] == [lasting]


async def test_files_without_a_record_go_once_no_open_job_needs_them(stores: Stores) -> None:
    recorded, worn, done, orphan = [await kept(stores) for _ in range(4)]
    await wearing(stores, worn, Phase.DENOISING)
    await wearing(stores, done, Phase.COMPLETED)
    for each in (worn, done, orphan):
        await stores.loras.delete(each.id, "ann")
    assert await tidy(stores, replace(TERMS, orphans_s=6 * DAY), NOW) == 0
    assert await tidy(stores, TERMS, NOW) == 2
    assert [await has(stores, each.artifact) for each in (recorded, worn, done, orphan)] == [True, True, False, False]
