"""However a job ends, its day's usage counts it, after its record and its followers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.jobs.quotas import label
from app.jobs.storyboards.memory import MemoryStoryboards
from app.service.endings import fail, tell_end
from app.settings import Settings
from app.stores import Stores, memory_stores
from app.types import Failure, Job, Measured
from tests.jobs.make import VIDEO, a_job
from tests.jobs.storyboards.make import a_story

pytestmark = pytest.mark.anyio

NOON = 1_790_000_000.0


async def test_a_completed_and_a_failed_job_are_in_their_tenants_usage_by_key() -> None:
    stores = memory_stores(Settings())
    for tenant, key_id in (("acme", "k1"), ("acme", None)):
        job = a_job(NOON, tenant=tenant, key_id=key_id)
        await stores.jobs.create(job)
        lease = await stores.jobs.lease(job.id, "main", 30.0, NOON)
        if key_id is None:
            await fail(job.id, lease.fence, Failure("worker_lost", "It was lost."), stores, NOON)
        else:
            measured = Measured(device_seconds=2.0, evaluations=12)
            done = await stores.jobs.complete(job.id, lease.fence, {"video": VIDEO}, measured, NOON, NOON + 900)
            await tell_end(done, stores, NOON)
    today = label("day", NOON)
    failed, completed = await stores.usage.read("acme", today, today)
    assert (failed.key_id, failed.figures) == ("", {"jobs": 1.0, "failed": 1.0})
    assert (completed.key_id, completed.figures["bytes"], completed.figures["device_seconds"]) == ("k1", 1234.0, 2.0)


class Wakes(MemoryStoryboards):
    """Notes who asks to be looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.woken: list[str] = []

    async def wake(self, story_id: str, at: float) -> None:
        self.woken.append(story_id)
        await super().wake(story_id, at)


async def _failed(stores: Stores, **changed: object) -> Job:
    job = a_job(NOON, **changed)
    await stores.jobs.create(job)
    lease = await stores.jobs.lease(job.id, "main", 30.0, NOON)
    return await fail(job.id, lease.fence, Failure("worker_lost", "It was lost."), stores, NOON)


async def test_the_end_of_a_scene_wakes_its_storyboard_and_that_of_another_video_asks_nothing_of_it() -> None:
    stories = Wakes()
    stores = replace(memory_stores(Settings()), storyboards=stories)
    story = await stories.replace(await stories.create(a_story(), None, 1), due=NOON + 1000)
    await _failed(stores)
    assert (stories.woken, list(await stories.claim(NOON, NOON + 10, 9))) == ([], [])
    await _failed(stores, storyboard=(story.id, 2))
    assert (stories.woken, list(await stories.claim(NOON, NOON + 10, 9))) == ([story.id], [story.id])
    await stories.delete(story.id, "public")
    assert (await _failed(stores, storyboard=(story.id, 1))).phase.ended
