from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from app.embedded.profile import profile
from app.engine.checkpoint import to_bytes
from app.engine.denoiser import Conditioning, JobState
from app.engine.families.ltx2.releases import RELEASES
from app.engine.loop import Engine
from app.engine.modalities import AUDIO, VIDEO
from app.engine.ticket import Ticket
from app.line.batcher import Rules, Urgency
from app.plan.stages import in_stages
from app.types import Plan, Refined, VideoSpec
from tests.engine.families.tiny import a_picture
from tests.engine.families.tiny_ltx2 import TinyLTX2, ltx2
from tests.engine.plans import Listener, hear, make_plan, walk

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside diffusers
SPEC = VideoSpec(128, 64, 9, 8)
MODEL = replace(profile(), refined=Refined(3))


@pytest.fixture(scope="module")
def tiny() -> TinyLTX2:
    return ltx2(RELEASES["ltx-2.3-distilled-two-stages"])


def plan_of(prompt: str = "a red ball", seed: int = 3, **more: Any) -> Plan:
    plan = make_plan(prompt, 11, seed=seed, guidance=1.0, spec=SPEC, shift=1.0)
    return in_stages(replace(plan, sound=True, sampling=replace(plan.sampling, **more)), MODEL, {})


def begun(tiny: TinyLTX2, plan: Plan, job_id: str = "a", **more: Any) -> JobState:
    return tiny.denoiser.start(job_id, plan, replace(hear(tiny.denoiser, plan), **more))


def assert_as_by_pipelines(tiny: TinyLTX2, plan: Plan, state: JobState, picture: Any = None) -> None:
    heard = Conditioning(state.conditioning.prompt, state.conditioning.negative)
    frames, waveform = tiny.by_two_stages(plan, heard, picture)
    sound = tiny.denoiser.decode_sound(state)
    assert sound is not None
    assert frames.shape == (SPEC.frames, SPEC.height, SPEC.width, 3)
    assert np.ptp(frames) > 0.1, "flat pictures would prove nothing"
    assert np.abs(tiny.denoiser.decode_float(state) - frames).max() <= 1e-4
    assert np.abs(sound.samples - waveform).max() <= 1e-4


def test_both_stages_are_those_of_the_pipelines_alone_and_with_others(tiny: TinyLTX2) -> None:
    plan, picture = plan_of(), a_picture(SPEC.width, SPEC.height)
    seen = tiny.denoiser.encode_image(picture, SPEC)
    ahead = begun(tiny, plan_of("one", 1))
    states = [begun(tiny, plan), begun(tiny, plan_of("two", 2), picture=seen), begun(tiny, plan, "alone")]
    walk(tiny.denoiser, ahead, until=2)
    walk(tiny.denoiser, ahead, *states[:2])
    walk(tiny.denoiser, states[2])
    for state in (ahead, states[0], states[2]):
        assert_as_by_pipelines(tiny, state.plan, state)
    assert_as_by_pipelines(tiny, states[1].plan, states[1], picture)


@pytest.mark.parametrize("at", [3, 8, 9])
def test_a_job_kept_in_either_stage_goes_on_elsewhere_to_the_same_bits(tiny: TinyLTX2, at: int) -> None:
    plan = plan_of(deterministic=True, budget=9)
    assert plan.masks is not None
    assert plan.masks.run[8:] == (True, True, True), "the second stage is run whole"
    whole, parted = begun(tiny, plan), begun(tiny, plan)
    walk(tiny.denoiser, whole)
    walk(tiny.denoiser, parted, until=at)
    resumed = ltx2(tiny.release).denoiser.resume(plan, to_bytes(parted))
    assert resumed.part(VIDEO).shape[-1] == (16 if at < 8 else 32)
    walk(tiny.denoiser, resumed)
    assert torch.equal(resumed.part(VIDEO), whole.part(VIDEO))
    assert torch.equal(resumed.part(AUDIO), whole.part(AUDIO))


def test_the_engine_steps_it_small_then_large_and_tells_of_all_steps(tiny: TinyLTX2) -> None:
    plan, sink = plan_of(), Listener()
    engine = Engine(tiny.denoiser, Rules(max_batch=2, slots=2))
    prompt, negative = engine.encode([plan.prompt, ""]).result(60)
    engine.submit("a", plan, sink, prompt, negative)
    frames = sink.wait().frames
    engine.close(20)
    theirs, _ = tiny.by_two_stages(plan, hear(tiny.denoiser, plan))
    assert np.abs(frames - (theirs * 255).round()).max() <= 1
    assert sink.steps == list(range(1, 12))


def test_what_is_left_counts_small_steps_for_less(tiny: TinyLTX2) -> None:
    plan = plan_of()
    ticket = Ticket("a/1", "a", plan, Listener(), None, 0.0, Urgency(arrived=0.0))
    state = begun(tiny, plan)
    ticket.walk(state)
    assert (ticket.shape, ticket.left) == ((9, 32, 64), (8 + 3 * 4) / 2), "a pass is half of a guided evaluation"
    walk(tiny.denoiser, state, until=9)
    ticket.weigh()
    assert (ticket.shape, ticket.left) == ((9, 64, 128), 1)
    assert plan.left(8) == pytest.approx(12 / 20)
