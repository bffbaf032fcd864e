from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.artifacts.memory import MemoryArtifacts
from app.cache.keys import plan_digest
from app.cache.results import ResultCache
from app.errors import GenerationError, JobNotFound, LeaseLost
from app.jobs.memory import MemoryEvents
from app.plan.prompt.complexity import FIXED_STEPS
from app.service.single_flight import enter
from app.settings import Settings
from app.stores import Stores, memory_stores
from app.types import (
    FLOW,
    MODEL,
    Artifact,
    CacheMode,
    Event,
    Extension,
    Failure,
    Job,
    Measured,
    Phase,
    Postprocessing,
    Wishes,
)
from app.video.encode import encode
from app.video.join import frames_of
from app.worker.finishing import hand_on
from tests.jobs.make import a_job
from tests.worker.workplace import SHORT, Time, Workplace

pytestmark = pytest.mark.anyio
Make = Callable[..., Workplace]
FRAMES = np.random.default_rng(0).integers(0, 255, (5, 64, 64, 3), np.uint8)
MEASURED = Measured({"queue": 0.5, "denoise": 2.0}, device_seconds=2.0, evaluations=6)


def stores_with(time: Time, **others: Any) -> Stores:
    return replace(memory_stores(Settings(), time.unix, time.monotonic), **others)


async def cached(here: Workplace, job: Job) -> bool:
    results = ResultCache(here.parts.caches.cache)
    return await results.get(plan_digest(job.plan, job.tenant)) is not None


async def test_frames_become_files_a_closed_record_and_figures(workplace: Make) -> None:
    here = workplace(retention_s=100.0)
    job, fence = await here.leased()
    here.time.advance(3.0)
    await here.parts.finishing.finish(job.id, fence, FRAMES, MEASURED)
    done = await here.stores.jobs.get(job.id)
    assert (done.phase, done.completed_at, done.expires_at) == (
        Phase.COMPLETED,
        here.time.unix(),
        here.time.unix() + 100.0,
    )
    assert set(done.artifacts) == {"video", "thumbnail", "spritesheet"}
    assert all([await here.stores.artifacts.exists(each) for each in done.artifacts.values()])
    assert done.measured is not None
    assert done.measured.stages_s == {"queue": 0.5, "denoise": 2.0, "finish": 0.0, "total": 3.0}
    figures = await here.stores.meter.read()
    of = "standard|kinoray-shapes"
    assert (figures[f"device_seconds:{of}"], figures["denoiser_evaluations"]) == (2.0, 6)
    assert (figures["steps_planned"], figures["steps_fixed_default"]) == (6, FIXED_STEPS)
    assert (figures["jobs_ended:completed"], figures["job_seconds"]) == (1, 3.0)


async def test_the_file_of_an_extension_begins_with_the_frames_that_it_goes_on_from(workplace: Make) -> None:
    here = workplace()
    before = np.full((9, 64, 64, 3), 90, np.uint8)
    video = await here.stores.artifacts.put("video_0/1/video.mp4", encode(before, 8), "video/mp4")
    job, fence = await here.leased(plan=replace(SHORT, extends=Extension("video_0", video, 9)))
    await here.parts.finishing.finish(job.id, fence, FRAMES, MEASURED)
    done = await here.stores.jobs.get(job.id)
    made = b"".join([chunk async for chunk in here.stores.artifacts.read(done.artifacts["video"])])
    frames = frames_of(made, 64, 64)
    assert len(frames) == 9 + len(FRAMES) - 1
    assert np.abs(frames[:8].astype(int) - 90).max() <= 3


async def test_an_extension_whose_source_is_lost_says_so(workplace: Make) -> None:
    here = workplace()
    gone = Extension("video_0", Artifact("video_0/1/video.mp4", "video/mp4", 10), 9)
    job, fence = await here.leased(plan=replace(SHORT, extends=gone))

    async def at_once(seconds: float) -> None:
        assert seconds > 0

    with pytest.raises(GenerationError, match="no longer stored"):
        await hand_on(here.parts.finishing, job.id, fence, FRAMES, MEASURED, at_once)


async def test_a_call_whose_answer_was_lost_may_be_made_again(workplace: Make) -> None:
    here = workplace()
    job, fence = await here.leased()
    for _ in range(2):
        await here.parts.finishing.finish(job.id, fence, FRAMES, MEASURED)
    assert [event.kind for event in await here.events(job)] == ["end"]
    assert (await here.stores.meter.read())["jobs_ended:completed"] == 1


async def test_one_whose_job_has_moved_on_stores_nothing(workplace: Make) -> None:
    here = workplace()
    job, fence = await here.leased()
    await here.stores.jobs.cancel(job.id, None, Failure("cancelled", ""), here.time.unix())
    with pytest.raises(LeaseLost):
        await here.parts.finishing.finish(job.id, fence, FRAMES, MEASURED)
    assert await here.stores.artifacts.makers() == []
    with pytest.raises(JobNotFound):
        await here.parts.finishing.finish("video_" + 32 * "0", fence, FRAMES, MEASURED)


async def test_one_that_loses_its_job_while_it_stores_takes_its_files_away_again(workplace: Make) -> None:
    class Slow(MemoryArtifacts):
        """While the last file is stored, the job is cancelled."""

        async def put(self, key: str, content: bytes, content_type: str) -> Artifact:
            if "spritesheet" in key:
                await stores.jobs.cancel(key.split("/")[0], None, Failure("cancelled", ""), time.unix())
            return await super().put(key, content, content_type)

    time = Time()
    stores = stores_with(time, artifacts=Slow())
    here = workplace(stores=stores, time=time)
    job, fence = await here.leased()
    with pytest.raises(LeaseLost):
        await here.parts.finishing.finish(job.id, fence, FRAMES, MEASURED)
    assert await stores.artifacts.makers() == []
    assert await stores.board.holders(job.id) == set()
    assert (await here.events(job), await cached(here, job)) == ([], False)


async def test_one_that_comes_too_late_leaves_the_files_of_the_attempt_that_completed_the_job_held(
    workplace: Make,
) -> None:
    class Slow(MemoryArtifacts):
        """While the last file of the first attempt is stored, the job is lost to a second, which completes it."""

        async def put(self, key: str, content: bytes, content_type: str) -> Artifact:
            if "/1/spritesheet" in key:
                await stores.jobs.requeue(job.id, fence, time.unix())
                await here.parts.finishing.finish(job.id, await here.lease(job), FRAMES, MEASURED)
            return await super().put(key, content, content_type)

    time = Time()
    stores = stores_with(time, artifacts=Slow())
    here = workplace(stores=stores, time=time)
    job, fence = await here.leased()
    with pytest.raises(LeaseLost):
        await here.parts.finishing.finish(job.id, fence, FRAMES, MEASURED)
    assert (await stores.jobs.get(job.id)).phase is Phase.COMPLETED
    assert await stores.board.holders(job.id) == {job.id}


async def test_two_calls_side_by_side_tell_of_one_end(workplace: Make) -> None:
    class Doubled(MemoryArtifacts):
        """While the last file is stored, the same call comes again and is quicker."""

        again = True

        async def put(self, key: str, content: bytes, content_type: str) -> Artifact:
            if "spritesheet" in key and self.again:
                self.again = False
                await here.parts.finishing.finish(job.id, fence, FRAMES, MEASURED)
                time.advance(0.001)
            return await super().put(key, content, content_type)

    time = Time()
    here = workplace(stores=stores_with(time, artifacts=Doubled()), time=time)
    job, fence = await here.leased()
    await here.parts.finishing.finish(job.id, fence, FRAMES, MEASURED)
    assert [event.kind for event in await here.events(job)] == ["end"]
    assert (await here.stores.meter.read())["jobs_ended:completed"] == 1


async def test_who_hears_of_the_end_finds_the_video_in_the_cache(workplace: Make) -> None:
    class Followed(MemoryEvents):
        async def append(
            self, job_id: str, kind: str, at: float, data: Any, fence: int | None = None, entries: Any = None
        ) -> str:
            found.append(await cached(here, job))
            return await super().append(job_id, kind, at, data, fence)

    found: list[bool] = []
    time = Time()
    here = workplace(stores=stores_with(time, events=Followed()), time=time)
    job, fence = await here.leased()
    await here.parts.finishing.finish(job.id, fence, FRAMES, MEASURED)
    assert found == [True]


async def test_what_a_request_keeps_out_of_the_cache_is_not_put_there(workplace: Make) -> None:
    here = workplace()
    job, fence = await here.leased(wishes=Wishes(cache=CacheMode.READ))
    await here.parts.finishing.finish(job.id, fence, FRAMES, MEASURED)
    assert not await cached(here, job)


async def test_those_who_waited_for_the_same_video_get_it(workplace: Make) -> None:
    here = workplace()

    async def admit() -> None:
        return None

    leader, follower = (a_job(here.time.unix(), plan=SHORT) for _ in range(2))
    for job in (leader, follower):
        await enter(job, True, here.stores, admit, 60.0)
    await here.parts.finishing.finish(leader.id, await here.lease(leader), FRAMES, MEASURED)
    events: list[Event] = []
    while not events:
        events = list(await here.stores.events.read(follower.id, None, 20.0))
    done = await here.stores.jobs.get(follower.id)
    assert (events[-1].kind, done.phase, done.cache.kind) == ("end", Phase.COMPLETED, "flight")
    assert done.artifacts == (await here.stores.jobs.get(leader.id)).artifacts


async def test_frames_that_cannot_be_used_are_the_job_s_fault(workplace: Make) -> None:
    here = workplace()
    job, fence = await here.leased()
    with pytest.raises(GenerationError):
        await here.parts.finishing.finish(job.id, fence, FRAMES[:0], MEASURED)
    await asyncio.sleep(0)
    assert not (await here.stores.jobs.get(job.id)).phase.ended


async def test_the_file_has_the_frames_and_the_size_that_the_plan_promised(workplace: Make) -> None:
    here = workplace()
    plan = replace(SHORT, postprocessing=Postprocessing(17, 32, FLOW, upscale=2))
    job, fence = await here.leased(plan=plan)
    await here.parts.finishing.finish(job.id, fence, FRAMES, MEASURED)
    done = await here.stores.jobs.get(job.id)
    assert done.plan == plan
    made = b"".join([chunk async for chunk in here.stores.artifacts.read(done.artifacts["video"])])
    assert frames_of(made, 128, 128).shape == (17, 128, 128, 3)
    assert await cached(here, done)
    assert not await cached(here, replace(done, plan=SHORT))


async def test_an_extension_is_interpolated_before_it_is_joined(workplace: Make) -> None:
    here = workplace()
    before = np.full((9, 64, 64, 3), 90, np.uint8)
    video = await here.stores.artifacts.put("video_0/1/video.mp4", encode(before, 16), "video/mp4")
    plan = replace(SHORT, extends=Extension("video_0", video, 9), postprocessing=Postprocessing(9, 16, FLOW))
    job, fence = await here.leased(plan=plan)
    await here.parts.finishing.finish(job.id, fence, FRAMES, MEASURED)
    done = await here.stores.jobs.get(job.id)
    made = b"".join([chunk async for chunk in here.stores.artifacts.read(done.artifacts["video"])])
    assert len(frames_of(made, 64, 64)) == done.plan.whole.frames == 9 + 9 - 1


async def test_a_job_whose_operators_model_is_gone_fails_with_a_word(workplace: Make) -> None:
    here = workplace()
    job, fence = await here.leased(
        plan=replace(SHORT, postprocessing=Postprocessing(9, 16, MODEL, interpolate_mark="a digest"))
    )
    with pytest.raises(GenerationError, match="interpolation_model"):
        await here.parts.finishing.finish(job.id, fence, FRAMES, MEASURED)
