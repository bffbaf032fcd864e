"""A finisher with a real Redis and an S3 server: what it stores is served, and what it cannot store is not lost."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from app.artifacts.files import FileArtifacts
from app.cache.off import NoCache
from app.cache.results import ResultCache
from app.errors import GenerationError
from app.redis.connection import Client
from app.service.background import Background
from app.settings import Settings
from app.stores import Stores, stores_on
from app.types import Job, Measured, Phase
from app.types.waveform import Waveform
from app.worker.finishing import JobFinisher, hand_on
from app.worker.ports import StoredDraft
from tests.api.house import House
from tests.artifacts.s3_server import BUCKET, S3Server
from tests.jobs.make import a_job
from tests.waiting import until

pytestmark = pytest.mark.anyio
FRAMES = np.random.default_rng(0).integers(0, 255, (17, 64, 64, 3), np.uint8)


class Counted:
    """The Finishing port over a finisher in this process; it counts its calls."""

    def __init__(self, finisher: JobFinisher) -> None:
        self._finisher = finisher
        self.calls = 0

    async def draft(self, job_id: str, fence: int, frames: NDArray[np.uint8]) -> StoredDraft:
        return await self._finisher.draft(job_id, fence, frames)

    async def finish(
        self,
        job_id: str,
        fence: int,
        frames: NDArray[np.uint8],
        measured: Measured,
        heard: Waveform | None = None,
    ) -> None:
        self.calls += 1
        await self._finisher.finish(job_id, fence, frames, measured, heard)


@pytest.fixture
def settings(redis_url: str, prefix: str) -> Settings:
    root = f"s3://{BUCKET}/{prefix}"
    return Settings(redis_url=redis_url, redis_prefix=prefix, artifacts_url=root, artifact_timeout_s=8.0)


@pytest.fixture
async def stores(settings: Settings, redis: Client) -> Stores:
    return stores_on(redis, settings)  # one that is closed afterwards


async def at_the_end(stores: Stores) -> tuple[Job, int]:
    """A job whose frames are made, and its fence."""
    job = a_job(time.time())
    await stores.jobs.create(job)
    lease = await stores.jobs.lease(job.id, "main", 60.0, time.time())
    await stores.jobs.advance(job.id, lease.fence, Phase.DECODING, time.time())
    return job, lease.fence


def finisher_of(stores: Stores, settings: Settings) -> Counted:
    return Counted(JobFinisher(stores, settings, ResultCache(NoCache()), Background()))


async def test_what_it_stores_on_s3_is_served_by_ranges(s3: S3Server, stores: Stores, settings: Settings) -> None:
    job, fence = await at_the_end(stores)
    await finisher_of(stores, settings).finish(job.id, fence, FRAMES, Measured())
    done = await stores.jobs.get(job.id)
    video = done.artifacts["video"]
    whole = b"".join([chunk async for chunk in stores.artifacts.read(video)])
    house = House()
    house.artifacts = FileArtifacts(settings.artifact_root)  # type: ignore[assignment]
    house.service.ports = house._ports()
    await house.jobs.create(done)
    async with house.client() as client:
        address = f"/v1/videos/{job.id}/content"
        part: httpx.Response = await client.get(address, headers={"range": "bytes=100-299"})
        assert (part.status_code, part.content) == (206, whole[100:300])
        assert (await client.get(address)).content == whole
        assert (await client.get(f"{address}?variant=thumbnail")).headers["content-type"] == "image/webp"
        s3.stop()
        away = await client.get(address)
        assert (away.status_code, away.json()["error"]["code"]) == (503, "artifact_store_unavailable")
        assert int(away.headers["retry-after"]) >= 1


async def test_a_job_outlasts_a_store_that_is_away(s3: S3Server, stores: Stores, settings: Settings) -> None:
    job, fence = await at_the_end(stores)
    finisher = finisher_of(stores, settings)
    s3.stop()
    finishing = asyncio.ensure_future(hand_on(finisher, job.id, fence, FRAMES, Measured()))

    async def tried_twice() -> bool:
        return finisher.calls >= 2

    await until(tried_twice)
    assert (await stores.jobs.get(job.id)).phase is Phase.POSTPROCESSING
    await asyncio.to_thread(s3.start)
    await finishing
    done = await stores.jobs.get(job.id)
    assert (done.phase, await stores.artifacts.exists(done.artifacts["video"])) == (Phase.COMPLETED, True)


async def test_a_job_that_no_store_takes_fails_with_a_clear_code(
    s3_environment: str, settings: Settings, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worker.finishing.again_in", lambda tries, away: 0.01 if tries < 3 else None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    job, fence = await at_the_end(stores)
    hasty = replace(stores, artifacts=FileArtifacts(settings.artifact_root, timeout_s=1.0))
    finisher = finisher_of(hasty, settings)
    with pytest.raises(GenerationError) as failed:
        await hand_on(finisher, job.id, fence, FRAMES, Measured())
    assert (failed.value.error_code, finisher.calls) == ("artifact_store_failed", 3)
