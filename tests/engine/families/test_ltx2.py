from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from app.engine.checkpoint import CheckpointInvalid, from_bytes, to_bytes
from app.engine.denoiser import JobState
from app.engine.fake import FakeDenoiser
from app.engine.families.ltx2.releases import RELEASES, Release
from app.engine.loop import Engine
from app.engine.modalities import AUDIO, VIDEO
from app.line.batcher import Rules
from app.types import Masks, Plan, VideoSpec
from app.types.waveform import Waveform
from tests.engine.families.tiny import a_picture
from tests.engine.families.tiny_ltx2 import ALL, SPEC, TinyLTX2, ltx2
from tests.engine.plans import Listener, hear, make_plan, walk

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside diffusers

RELEASED = {
    "all guidance": ALL,
    "2.0": RELEASES["ltx-2"],
    "distilled": RELEASES["ltx-2.3-distilled"],
}


@pytest.fixture(scope="module", params=RELEASED)
def tiny(request: pytest.FixtureRequest) -> TinyLTX2:
    return ltx2(RELEASED[request.param])


@pytest.fixture(scope="module")
def full() -> TinyLTX2:
    return ltx2(ALL)


def plan_of(release: Release, prompt: str = "a red ball", seed: int = 3, **more: Any) -> Plan:
    guidance = 1.0 if release.ladder else 3.0
    plan = make_plan(prompt, len(release.ladder) or 4, seed=seed, guidance=guidance, spec=SPEC, shift=1.0)
    return replace(plan, sound=True, sampling=replace(plan.sampling, **more))


def begun(tiny: TinyLTX2, plan: Plan, job_id: str = "a") -> JobState:
    return tiny.denoiser.start(job_id, plan, hear(tiny.denoiser, plan))


def heard(tiny: TinyLTX2, state: JobState) -> Waveform:
    found = tiny.denoiser.decode_sound(state)
    assert found is not None
    return found


def close_to_the_pipeline(tiny: TinyLTX2, plan: Plan, state: JobState) -> bool:
    frames, waveform = tiny.by_pipeline(plan, hear(tiny.denoiser, plan))
    ours = tiny.denoiser.decode_float(state), heard(tiny, state).samples
    assert (ours[0].shape, ours[1].shape) == (frames.shape, waveform.shape)
    assert np.ptp(frames) > 0.1, "flat pictures would prove nothing"
    assert np.ptp(waveform) > 0.001, "nor would silence"
    return bool(np.abs(ours[0] - frames).max() <= 1e-4 and np.abs(ours[1] - waveform).max() <= 1e-4)


def test_frames_and_sound_are_those_of_the_pipeline(tiny: TinyLTX2) -> None:
    plan = plan_of(tiny.release)
    state = begun(tiny, plan)
    walk(tiny.denoiser, state)
    assert close_to_the_pipeline(tiny, plan, state)
    assert heard(tiny, state).rate == 16000
    other = replace(plan, prompt="quite another thing")
    assert not close_to_the_pipeline(tiny, other, state), "the prompt must be heard"


def test_jobs_in_one_forward_get_what_the_pipeline_makes_of_each(tiny: TinyLTX2) -> None:
    plans = [
        plan_of(tiny.release, "one", 1),
        plan_of(tiny.release, "a longer one", 2, guidance=1.0),
        plan_of(tiny.release, "three", 3, deterministic=True),
        replace(plan_of(tiny.release, "four", 4), spec=replace(SPEC, fps=16)),  # whose sound is half as long
    ]
    states = [begun(tiny, plan) for plan in plans]
    walk(tiny.denoiser, states[0], until=1)
    walk(tiny.denoiser, *states)
    for plan, state in zip(plans, states, strict=True):
        assert close_to_the_pipeline(tiny, plan, state)


def test_a_video_that_begins_with_a_picture_is_that_of_the_pipeline(tiny: TinyLTX2) -> None:
    plan, picture = plan_of(tiny.release), a_picture(SPEC.width, SPEC.height)
    conditioning = replace(hear(tiny.denoiser, plan), picture=tiny.denoiser.encode_image(picture, SPEC))
    begins, without = tiny.denoiser.start("a", plan, conditioning), begun(tiny, plan, "b")
    walk(tiny.denoiser, begins, without)  # in one forward
    frames, waveform = tiny.by_pipeline(plan, conditioning, picture)
    assert np.abs(tiny.denoiser.decode_float(begins) - frames).max() <= 1e-4
    assert np.abs(heard(tiny, begins).samples - waveform).max() <= 1e-4
    assert close_to_the_pipeline(tiny, plan, without)


@pytest.mark.parametrize("at", [1, 3])
def test_a_job_that_was_kept_goes_on_elsewhere_to_the_same_bits_in_both(full: TinyLTX2, at: int) -> None:
    plan = plan_of(ALL, deterministic=True)
    masks = Masks((True, True, False, True), (True, False, False, True))
    plan = replace(plan, sampling=replace(plan.sampling, budget=3), masks=masks)
    whole, parted = begun(full, plan), begun(full, plan)
    walk(full.denoiser, whole)
    walk(full.denoiser, parted, until=at)
    resumed = ltx2(ALL).denoiser.resume(plan, to_bytes(parted))
    assert resumed.modalities == whole.modalities
    walk(full.denoiser, resumed)
    assert torch.equal(resumed.part(VIDEO), whole.part(VIDEO))
    assert torch.equal(resumed.part(AUDIO), whole.part(AUDIO))
    assert np.array_equal(full.denoiser.decode(resumed), full.denoiser.decode(whole))
    assert np.array_equal(heard(full, resumed).samples, heard(full, whole).samples)


def test_a_checkpoint_of_a_silent_model_under_the_same_name_is_none(full: TinyLTX2) -> None:
    plan = plan_of(ALL)
    silent = FakeDenoiser()
    state = silent.start("one", plan, hear(silent, plan))
    with pytest.raises(CheckpointInvalid, match="latent"):
        full.denoiser.resume(plan, to_bytes(state))
    short = replace(plan, spec=VideoSpec(64, 32, 9, 16))
    longer = to_bytes(replace(begun(full, plan), plan=short))
    with pytest.raises(CheckpointInvalid, match="latent"):
        full.denoiser.resume(short, longer)


def test_what_the_checkpoint_says_of_modalities_has_to_fit_the_latent(full: TinyLTX2) -> None:
    plan = plan_of(ALL)
    state = begun(full, plan)
    wrong = replace(state, modalities=(state.modalities[0], state.modalities[1]._replace(shape=(2, 1, 2))))
    with pytest.raises(CheckpointInvalid, match="latent"):
        from_bytes(to_bytes(wrong), plan)


class Hearer(Listener):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Waveform] = []

    def sound(self, waveform: Waveform) -> None:
        self.heard.append(waveform)


@pytest.mark.parametrize("wanted", [True, False])
def test_the_engine_gives_sound_as_long_as_the_video_where_the_plan_has_it(full: TinyLTX2, wanted: bool) -> None:
    plan, sink = replace(plan_of(ALL), sound=wanted), Hearer()
    engine = Engine(full.denoiser, Rules(max_batch=2, slots=2))
    prompt, negative = engine.encode([plan.prompt, ""]).result(20)
    engine.submit("a", plan, sink, prompt, negative)
    frames = sink.wait().frames
    engine.close(20)
    theirs, waveform = full.by_pipeline(plan, hear(full.denoiser, plan))
    assert np.abs(frames - (theirs * 255).round()).max() <= 1
    assert len(sink.heard) == wanted
    for each in sink.heard:
        count = min(each.samples.shape[1], waveform.shape[1])
        assert each.samples.shape == (2, round(SPEC.seconds * 16000))
        assert np.abs(each.samples[:, :count] - waveform[:, :count]).max() <= 1e-4


def test_a_preview_is_of_the_picture_alone(full: TinyLTX2) -> None:
    state = begun(full, plan_of(ALL))
    walk(full.denoiser, state, until=2)
    assert full.denoiser.preview(state).shape == (1, SPEC.height, SPEC.width, 3)
