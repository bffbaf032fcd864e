from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from app.engine.checkpoint import CheckpointInvalid, from_bytes, to_bytes
from app.engine.denoiser import Conditioning, JobState
from app.engine.fake import FakeDenoiser
from app.engine.families.ltx import DISTILLED, FIRST, LATER
from app.engine.loop import Engine
from app.errors import UnsupportedParameter
from app.line.batcher import Rules
from app.types import Plan, VideoSpec
from tests.engine.families.standard import Pixels, Tiny
from tests.engine.families.tiny_cogvideox import cogvideox
from tests.engine.families.tiny_hunyuan import hunyuan, hunyuan15
from tests.engine.families.tiny_kandinsky5 import kandinsky5
from tests.engine.families.tiny_ltx import ltx
from tests.engine.families.tiny_z_image import z_image
from tests.engine.plans import Listener, hear, make_plan, walk

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside diffusers

FAMILIES: Mapping[str, Callable[[], Tiny]] = {
    "ltx": lambda: ltx(FIRST, conditioned=False),
    "ltx with a conditioned decoder": lambda: ltx(FIRST, conditioned=True),
    "ltx 0.9.5": lambda: ltx(LATER, conditioned=True),
    "ltx distilled": lambda: ltx(DISTILLED, conditioned=True),
    "z-image": z_image,
    "hunyuan": hunyuan,
    "hunyuan 1.5": hunyuan15,
    "kandinsky 5": kandinsky5,
    "kandinsky 5 without room for a picture": lambda: kandinsky5(visual_cond=False),
    "cogvideox": lambda: cogvideox(pairs=False),
    "cogvideox 1.5": lambda: cogvideox(pairs=True),
}


@pytest.fixture(scope="module", params=FAMILIES)
def tiny(request: pytest.FixtureRequest) -> Tiny:
    return FAMILIES[request.param]()


def plan_of(tiny: Tiny, prompt: str = "a red ball", seed: int = 3, deterministic: bool = False) -> Plan:
    return make_plan(
        prompt,
        tiny.steps,
        seed=seed,
        guidance=tiny.guidance,
        spec=tiny.spec,
        sampler=tiny.sampler,
        shift=tiny.shift,
        deterministic=deterministic,
    )


def test_a_family_that_makes_single_frames_makes_the_pipelines() -> None:
    tiny = hunyuan()
    tiny = replace(tiny, spec=replace(tiny.spec, frames=1))
    state = begun(tiny, plan_of(tiny))
    walk(tiny.denoiser, state)
    ours = tiny.denoiser.decode_float(state)
    assert len(ours) == 1
    assert np.abs(ours - by_pipeline(tiny, plan_of(tiny))).max() <= 1e-4


def begun(tiny: Tiny, plan: Plan) -> JobState:
    return tiny.denoiser.start("a", plan, hear(tiny.denoiser, plan))


def by_pipeline(tiny: Tiny, plan: Plan) -> Pixels:
    texts = hear(tiny.denoiser, plan)
    return tiny.by_pipeline(plan, texts.prompt, texts.negative)


def test_the_frames_are_those_of_the_pipeline(tiny: Tiny) -> None:
    plan = plan_of(tiny)
    theirs = by_pipeline(tiny, plan)
    state = begun(tiny, plan)
    walk(tiny.denoiser, state)
    ours = tiny.denoiser.decode_float(state)
    assert ours.shape == theirs.shape == (tiny.spec.frames, tiny.spec.height, tiny.spec.width, 3)
    assert np.ptp(theirs) > 0.1, "a flat picture would prove nothing"
    assert np.abs(ours - theirs).max() <= 1e-4
    assert np.abs(by_pipeline(tiny, plan_of(tiny, "another thing")) - theirs).max() > 1e-3, "the prompt must be heard"


def test_jobs_in_one_forward_get_the_frames_of_the_pipeline(tiny: Tiny) -> None:
    fps = VideoSpec(tiny.spec.width, tiny.spec.height, tiny.spec.frames, 2 * tiny.spec.fps)
    plans = [plan_of(tiny, "one", 1), plan_of(tiny, "a longer one", 2), plan_of(tiny, "three", 3, deterministic=True)]
    plans[1] = replace(plans[1], spec=fps, sampling=replace(plans[1].sampling, guidance=1.0, steps=3, budget=3))
    if tiny.steps == len(DISTILLED.ladder):
        plans[1] = replace(plans[1], sampling=plans[0].sampling)  # the pipeline leaves no levels out
    states = [begun(tiny, plan) for plan in plans]
    walk(tiny.denoiser, states[0], until=1)
    walk(tiny.denoiser, *states)
    for plan, state in zip(plans, states, strict=True):
        assert np.abs(tiny.denoiser.decode_float(state) - by_pipeline(tiny, plan)).max() <= 1e-4


@pytest.mark.parametrize("at", [1, 3])
def test_a_job_that_was_kept_and_resumed_ends_with_the_same_bits(tiny: Tiny, at: int) -> None:
    plan = plan_of(tiny, deterministic=True)
    plan = replace(plan, sampling=replace(plan.sampling, budget=tiny.steps - 1))
    whole, parted = begun(tiny, plan), begun(tiny, plan)
    walk(tiny.denoiser, whole)
    walk(tiny.denoiser, parted, until=at)
    resumed = tiny.denoiser.resume(plan, to_bytes(parted))
    walk(tiny.denoiser, resumed)
    assert torch.equal(resumed.latent, whole.latent)
    assert np.array_equal(tiny.denoiser.decode(resumed), tiny.denoiser.decode(whole))
    assert from_bytes(to_bytes(parted), plan).conditioning.prompt.keys() == parted.conditioning.prompt.keys()


def test_a_checkpoint_that_another_denoiser_made_under_the_same_name_is_none(tiny: Tiny) -> None:
    plan = plan_of(tiny)
    pretended = FakeDenoiser()
    state = pretended.start("one", plan, Conditioning(*pretended.encode([plan.prompt, plan.negative_prompt])))
    with pytest.raises(CheckpointInvalid, match="latent"):
        tiny.denoiser.resume(plan, to_bytes(state))


def test_the_engine_warms_up_on_it_and_serves_it_with_previews(tiny: Tiny) -> None:
    plan, heard = plan_of(tiny), Listener()
    engine = Engine(tiny.denoiser, Rules(max_batch=2, slots=2))
    prompt, negative = engine.encode([plan.prompt, ""]).result(20)
    engine.submit("a", plan, heard, prompt, negative)
    frames = heard.wait().frames
    engine.close(20)
    assert np.abs(frames - (by_pipeline(tiny, plan) * 255).round()).max() <= 1
    state = begun(tiny, plan)
    walk(tiny.denoiser, state, until=2)
    assert tiny.denoiser.preview(state).shape == (1, tiny.spec.height, tiny.spec.width, 3)


def test_a_sampler_for_other_predictions_is_refused(tiny: Tiny) -> None:
    plan = plan_of(tiny)
    with pytest.raises(UnsupportedParameter, match="sampled by"):
        begun(tiny, replace(plan, sampling=replace(plan.sampling, sampler="unipc")))
