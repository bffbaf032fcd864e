from __future__ import annotations

import asyncio
import io
import pickle
import wave
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from app.engine.fake import RATE
from app.engine.loop import Engine
from app.errors import GenerationError
from app.line.batcher import Rules
from app.types import Extension, Job, Measured, Phase
from app.types.waveform import Waveform
from app.video.encode import encode
from app.video.join import frames_of
from app.video.sound import sound_of
from tests.worker.workplace import SHORT, Workplace

pytestmark = pytest.mark.anyio
Make = Callable[..., Workplace]
FRAMES = np.random.default_rng(0).integers(0, 255, (5, 64, 64, 3), np.uint8)
SECONDS = SHORT.spec.seconds


def tone(seconds: float, hertz: float = 440.0) -> Waveform:
    at = np.arange(round(seconds * RATE)) / RATE
    return Waveform((0.5 * np.sin(2 * np.pi * hertz * at))[None].astype(np.float32), RATE)


async def content(here: Workplace, job: Job, variant: str) -> bytes:
    return b"".join([chunk async for chunk in here.stores.artifacts.read(job.artifacts[variant])])


@pytest.mark.parametrize("sound", [True, False])
async def test_what_the_engine_makes_heard_is_in_the_file_where_the_plan_has_sound(
    workplace: Make, sound: bool
) -> None:
    here = workplace()
    done = await here.run(plan=replace(SHORT, sound=sound))
    assert done.phase is Phase.COMPLETED
    assert ({"audio", "wav"} <= set(done.artifacts)) is sound
    heard = sound_of(await content(here, done, "video"))
    assert (heard is not None) is sound
    if heard is not None:
        assert heard.seconds == pytest.approx(SECONDS, abs=1 / RATE)
        assert np.abs(heard.samples).max() > 0.2


async def test_too_much_sound_is_cut_and_too_little_is_silent_at_its_end(workplace: Make) -> None:
    here = workplace()
    for seconds in (SECONDS / 2, 20 * SECONDS):
        job, fence = await here.leased(plan=replace(SHORT, sound=True))
        await here.parts.finishing.finish(job.id, fence, FRAMES, Measured(), tone(seconds))
        done = await here.stores.jobs.get(job.id)
        heard = sound_of(await content(here, done, "video"))
        assert heard is not None
        assert heard.seconds == pytest.approx(SECONDS, abs=1 / RATE)


async def test_an_extension_keeps_the_sound_of_what_it_goes_on_from(workplace: Make) -> None:
    here = workplace()
    fps = SHORT.spec.fps
    before = np.full((9, 64, 64, 3), 90, np.uint8)
    source = encode(before, fps, tone(9 / fps))
    video = await here.stores.artifacts.put("video_0/1/video.mp4", source, "video/mp4")
    job, fence = await here.leased(plan=replace(SHORT, sound=True, extends=Extension("video_0", video, 9)))
    await here.parts.finishing.finish(job.id, fence, FRAMES, Measured(), tone(SECONDS, 880.0))
    heard = sound_of(await content(here, await here.stores.jobs.get(job.id), "video"))
    assert heard is not None
    assert heard.seconds == pytest.approx((9 + len(FRAMES) - 1) / fps, abs=1 / RATE)
    joint = round(9 / fps * RATE)
    loudest = [
        int(np.abs(np.fft.rfft(part, RATE)).argmax()) for part in (heard.samples[0, :joint], heard.samples[0, joint:])
    ]
    assert loudest[0] == pytest.approx(440, abs=5)
    assert loudest[1] == pytest.approx(880, abs=5)


async def test_unusable_sound_fails_the_job_by_its_code(workplace: Make) -> None:
    here = workplace()
    job, fence = await here.leased(plan=replace(SHORT, sound=True))
    with pytest.raises(GenerationError) as refused:
        await here.parts.finishing.finish(
            job.id, fence, FRAMES, Measured(), Waveform(np.zeros((9, 4), np.float32), 8000)
        )
    assert refused.value.error_code == "unusable_sound"


async def test_the_real_model_s_sound_goes_from_its_state_through_every_hand_into_one_file(workplace: Make) -> None:
    from tests.engine.families.tiny_ltx2 import ALL, SPEC, ltx2  # only who needs it waits for diffusers

    here = workplace()
    engine = Engine(ltx2(ALL).denoiser, Rules(max_batch=2, slots=2))
    here.parts = replace(here.parts, engine=engine)
    sampling = replace(SHORT.sampling, steps=3, budget=3, sampler="euler", shift=1.0)
    done = await here.run(plan=replace(SHORT, spec=SPEC, sampling=sampling, sound=True))
    await asyncio.to_thread(engine.close, 20.0)
    assert done.failure is None
    mp4 = await content(here, done, "video")
    heard = sound_of(mp4)
    assert heard is not None
    assert heard.samples.shape == (2, round(SPEC.seconds * 16_000))
    assert np.abs(heard.samples).max() > 0
    with wave.open(io.BytesIO(await content(here, done, "wav"))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 16_000, heard.samples.shape[1])
    assert len(frames_of(mp4, SPEC.width, SPEC.height)) == SPEC.frames


def test_a_waveform_is_handed_between_processes_as_it_is() -> None:
    made = tone(0.5)
    back = pickle.loads(pickle.dumps(made, protocol=5))
    assert back.rate == made.rate
    assert np.array_equal(back.samples, made.samples)
