from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.artifacts.memory import MemoryArtifacts
from app.artifacts.store import UNAVAILABLE
from app.engine.embedding import Embedding
from app.engine.fake import RAISES
from app.errors import (
    KinorayError,
    LeaseLost,
    PartAway,
    PartFailed,
    ServiceUnavailable,
    StoreUnavailable,
    WorkerLost,
)
from app.jobs.events import EventLog
from app.jobs.memory import MemoryEvents
from app.settings import Settings
from app.stores import memory_stores
from app.telemetry import JOB_SECONDS
from app.types import Artifact, Event, Failure, Job, Measured, Phase
from app.types.waveform import Waveform
from app.video.finish import WAITS_S
from app.worker.attempt import Attempt
from tests.worker.workplace import SHORT, Time, Workplace

pytestmark = pytest.mark.anyio
Make = Callable[..., Workplace]
CANCELLED = Failure("cancelled", "The job was cancelled.")


def told(events: list[Event]) -> list[str]:
    return [str(event.data.get("phase", event.kind)) for event in events]


async def video(here: Workplace, job: Job) -> bytes:
    return b"".join([chunk async for chunk in here.stores.artifacts.read(job.artifacts["video"])])


async def lost_in_a_forward(here: Workplace) -> tuple[Job, asyncio.Task[None]]:
    """A job whose first attempt has lost it while its model is held at its gate; and that attempt."""
    here.gate.free = False
    job, fence = await here.leased()
    first = asyncio.create_task(Attempt(job.id, fence, here.parts).run())
    await here.forward()
    await here.stores.jobs.requeue(job.id, fence, here.time.unix(), lost=True)
    return job, first


async def test_a_job_goes_from_its_lease_to_a_stored_video(workplace: Make) -> None:
    here = workplace()
    done = await here.run()
    assert (done.phase, done.step) == (Phase.COMPLETED, 6)
    assert await here.stores.artifacts.exists(done.artifacts["video"])
    assert done.measured is not None
    assert (done.measured.evaluations, done.measured.resumed_from_step) == (6, None)
    events = await here.events(done)
    assert told(events) == ["encoding", "denoising", "step", "decoding", "postprocessing", "end"]
    assert events[-1].data == {"status": "completed"}
    figures = await here.stores.meter.read()
    assert (figures["jobs_ended:completed"], figures["denoiser_evaluations"], JOB_SECONDS in figures) == (1, 6, True)


async def test_all_that_is_dated_is_dated_by_the_clock_of_the_stores(workplace: Make) -> None:
    here = workplace()
    done = await here.run()
    assert done.completed_at == here.time.unix()
    assert {event.at for event in await here.events(done)} == {here.time.unix()}


async def test_steps_are_told_a_few_times_a_second(workplace: Make) -> None:
    class Fast(Time):
        """A tenth of a second goes by each time somebody looks."""

        def monotonic(self) -> float:
            self.now += 0.1
            return self.now

    here = workplace(time=Fast())
    steps = [event.data["step"] for event in await here.events(await here.run()) if event.kind == "step"]
    assert steps[0] == 1
    assert 1 < len(steps) < 6


async def test_a_job_that_wants_previews_shows_them(workplace: Make) -> None:
    here = workplace(preview_every=2)
    previews = [event for event in await here.events(await here.run(preview=True)) if event.kind == "preview"]
    assert previews
    assert {(event.data["width"], event.data["height"]) for event in previews} == {(64, 64)}
    assert str(previews[0].data["image"]).startswith("data:image/")


async def test_prompts_met_before_are_not_encoded_again(workplace: Make) -> None:
    here = workplace()
    first, second = await here.run(), await here.run()
    assert (first.cache.embedding_hit, second.cache.embedding_hit) == (False, True)
    assert first.measured is not None
    assert second.measured is not None
    assert ("encode" in first.measured.stages_s, "encode" in second.measured.stages_s) == (True, False)


async def test_what_a_jobs_first_attempt_encoded_was_not_cached_for_its_second(workplace: Make) -> None:
    here = workplace()
    job, first = await lost_in_a_forward(here)
    here.gate.release()
    await first
    await Attempt(job.id, await here.lease(job), here.parts).run()
    done = await here.stores.jobs.get(job.id)
    assert (done.phase, done.attempts, done.cache.embedding_hit) == (Phase.COMPLETED, 2, False)


async def test_a_later_attempt_goes_on_from_the_checkpoint_with_the_same_bits(workplace: Make) -> None:
    here = workplace(checkpoint_every=2)
    here.gate.free = False
    job, fence = await here.leased()
    first = asyncio.ensure_future(Attempt(job.id, fence, here.parts).run())
    here.gate.let(3)
    for _ in range(4):
        await here.forward()
    while await here.stores.checkpoints.get(job.id) is None:
        await asyncio.sleep(0)
    await here.stores.jobs.requeue(job.id, fence, here.time.unix(), lost=True)
    here.gate.release()
    await first
    elsewhere = workplace(stores=here.stores)
    await Attempt(job.id, await here.lease(job), elsewhere.parts).run()
    done, calm = await here.stores.jobs.get(job.id), workplace()
    assert done.measured is not None
    assert done.measured.resumed_from_step == 2
    assert await video(here, done) == await video(calm, await calm.run())


async def test_a_job_that_fails_in_the_model_is_closed_and_the_next_one_runs(workplace: Make) -> None:
    here = workplace()
    failed = await here.run(plan=replace(SHORT, prompt=RAISES))
    assert failed.failure is not None
    assert (failed.phase, failed.failure.code) == (Phase.FAILED, "generation_failed")
    assert (await here.events(failed))[-1].data["status"] == "failed"
    assert (await here.stores.meter.read())[f"jobs_ended:{failed.failure.code}"] == 1
    assert (await here.run()).phase is Phase.COMPLETED


async def test_a_job_that_takes_too_long_fails_as_timeout(workplace: Make) -> None:
    here = workplace(job_timeout_s=0.01)
    here.gate.free = False
    late = await here.run()
    assert late.failure is not None
    assert late.failure.code == "timeout"


async def test_an_attempt_without_a_lease_leaves_the_job_alone(workplace: Make) -> None:
    here = workplace()
    job, fence = await here.leased()
    await Attempt(job.id, fence - 1, here.parts).run()
    assert (await here.stores.jobs.get(job.id)).phase is Phase.ENCODING
    assert (await here.events(job), here.denoiser.forwards) == ([], [])


async def test_a_cancelled_job_leaves_the_engine_though_no_stop_signal_came(workplace: Make) -> None:
    here = workplace()
    here.gate.free = False
    job, fence = await here.leased()
    attempt = Attempt(job.id, fence, here.parts)
    running = asyncio.ensure_future(attempt.run())
    await here.forward()
    await here.stores.jobs.cancel(job.id, None, CANCELLED, here.time.unix())
    here.gate.let(1)
    await running
    assert attempt.lease is None
    here.gate.release()
    await here.run()
    assert len([batch for batch in here.denoiser.forwards if job.id in batch]) < 6
    assert "end" not in told(await here.events(job))


async def test_an_attempt_that_has_lost_its_job_does_not_stop_the_next_one_in_the_same_engine(workplace: Make) -> None:
    here = workplace()
    job, first = await lost_in_a_forward(here)
    second = asyncio.ensure_future(Attempt(job.id, await here.lease(job), here.parts).run())
    while (await here.stores.jobs.get(job.id)).cache.embedding_hit is None:  # it has been submitted
        await asyncio.sleep(0)
    here.gate.release()
    await asyncio.gather(first, second)
    done = await here.stores.jobs.get(job.id)
    assert (done.phase, done.attempts) == (Phase.COMPLETED, 2)


async def test_a_store_that_is_away_ends_the_attempt_and_not_the_job(workplace: Make) -> None:
    class Away(MemoryEvents):
        async def append(
            self, job_id: str, kind: str, at: float, data: Any, fence: int | None = None, entries: Any = None
        ) -> str:
            if data.get("phase") == "denoising":
                raise StoreUnavailable("Redis is away.")
            return await super().append(job_id, kind, at, data, fence)

    time = Time()
    stores = memory_stores(Settings(), time.unix, time.monotonic)
    events: EventLog = Away()
    here = workplace(stores=replace(stores, events=events), time=time)
    job, fence = await here.leased()
    with pytest.raises(StoreUnavailable):
        await Attempt(job.id, fence, here.parts).run()
    assert not (await here.stores.jobs.get(job.id)).phase.ended


class NoEncoder:
    """The Encoder port of one that cannot be asked; or it raises whatever a part beside the replica may."""

    def __init__(self, error: KinorayError) -> None:
        self._error = error

    async def encode(self, texts: Sequence[str]) -> list[Embedding]:
        raise self._error


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (PartAway("The text encoder is not running."), PartAway),
        (ServiceUnavailable("The prompt analyzer has too much to do."), PartAway),
        (PartFailed("The text encoder failed."), WorkerLost),
    ],
)
async def test_a_part_that_is_away_ends_the_attempt_and_not_the_job(
    workplace: Make, error: KinorayError, ends: type[WorkerLost]
) -> None:
    here = workplace()
    job, fence = await here.leased()
    with pytest.raises(WorkerLost) as raised:
        await Attempt(job.id, fence, replace(here.parts, encoder=NoEncoder(error))).run()
    assert type(raised.value) is ends
    assert not (await here.stores.jobs.get(job.id)).phase.ended


async def test_an_encoder_that_the_engine_cannot_ask_ends_the_attempt_and_not_the_job(workplace: Make) -> None:
    here = workplace()

    def encode(_: Sequence[str]) -> Any:
        raise ServiceUnavailable("The text encoder is not running.")

    here.denoiser.encode = encode  # type: ignore[method-assign,assignment]
    job, fence = await here.leased()
    with pytest.raises(PartAway):
        await Attempt(job.id, fence, here.parts).run()
    assert not (await here.stores.jobs.get(job.id)).phase.ended


async def test_what_its_model_cannot_make_here_is_left_to_another_replica(workplace: Make) -> None:
    here = workplace()
    job, fence = await here.leased(plan=replace(SHORT, sampling=replace(SHORT.sampling, sampler="newer")))
    with pytest.raises(PartAway, match="does not have sampler newer"):
        await Attempt(job.id, fence, here.parts).run()
    assert not (await here.stores.jobs.get(job.id)).phase.ended


class Flaky:
    """The Finishing port, which fails a few times first."""

    def __init__(self, failures: list[Exception]) -> None:
        self.failures = failures
        self.heard: list[NDArray[np.uint8]] = []
        self.measured: list[Measured] = []

    async def finish(
        self,
        job_id: str,
        fence: int,
        frames: NDArray[np.uint8],
        measured: Measured,
        heard: Waveform | None = None,
    ) -> None:
        self.heard.append(frames)
        self.measured.append(measured)
        if self.failures:
            raise self.failures.pop(0)


async def test_finished_frames_are_handed_on_until_somebody_takes_them(workplace: Make) -> None:
    finishing = Flaky([ServiceUnavailable("nobody"), ServiceUnavailable("nobody")])
    here = workplace(finishing=finishing, device_watts=3600.0)
    job, fence = await here.leased()
    running = asyncio.ensure_future(Attempt(job.id, fence, here.parts).run())
    for wait_s in WAITS_S[:2]:
        await here.time.asleep()
        here.time.advance(wait_s)
    await running
    assert here.time.slept == list(WAITS_S[:2])
    assert [frames.shape for frames in finishing.heard] == [(5, 64, 64, 3)] * 3
    assert finishing.measured[0].energy_wh == pytest.approx(finishing.measured[0].device_seconds)
    denoised_s = finishing.measured[0].stages_s["denoise"]
    assert here.parts.measurements.overhead.seconds == pytest.approx(sum(WAITS_S[:2]) - denoised_s)


async def test_a_finisher_that_says_the_job_is_another_s_is_not_asked_again(workplace: Make) -> None:
    finishing = Flaky([LeaseLost("It has moved on.")])
    here = workplace(finishing=finishing)
    job = await here.run()
    assert (len(finishing.heard), job.phase.ended) == (1, False)


async def test_a_job_that_no_store_takes_fails_with_a_clear_code(workplace: Make) -> None:
    class Full(MemoryArtifacts):
        async def put(self, key: str, content: bytes, content_type: str) -> Artifact:
            raise StoreUnavailable("The store is full.", None, UNAVAILABLE)

    class Hasty(Time):
        async def sleep(self, seconds: float) -> None:
            self.slept.append(seconds)

    time = Hasty()
    stores = replace(memory_stores(Settings(), time.unix, time.monotonic), artifacts=Full())
    here = workplace(stores=stores, time=time)
    failed = await here.run()
    assert failed.failure is not None
    assert (failed.failure.code, here.time.slept) == ("artifact_store_failed", list(WAITS_S))


async def test_a_job_s_latent_is_kept_for_like_ones_where_its_request_allows(workplace: Make) -> None:
    here = workplace()
    await here.run()
    assert "similar" not in await here.parts.caches.cache.figures()
    await here.run(similar=True)
    assert (await here.parts.caches.cache.figures())["similar"].entries == 1
