"""LTX-Video with pictures at frames against LTXConditionPipeline: at full strength and less, batched, resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTXConditionPipeline
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition
from numpy.typing import NDArray
from PIL import Image

from app.engine.checkpoint import to_bytes
from app.engine.denoiser import TOKENS, JobState
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.ltx import DISTILLED, FIRST, LATER, LTX, MASK, Recipe
from app.engine.families.models import Parts
from app.engine.samplers.levels import Bend
from app.engine.shown import Shown
from app.errors import InvalidRequest
from app.types import CONTROL, IMAGE, LAST, REFERENCE, Artifact, Plan, PlannedInput, VideoSpec
from app.types import FIRST as BEGINNING
from tests.engine.families.standard import batched, spoken
from tests.engine.families.tiny import a_picture
from tests.engine.families.tiny_ltx import ltx_parts
from tests.engine.plans import hear, make_plan, walk

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside diffusers

WITHIN = 1e-4
SPEC = VideoSpec(64, 32, 17, 8)
KINDS: dict[str, tuple[tuple[str, int | None, float], ...]] = {
    "a first one": ((BEGINNING, None, 1.0),),
    "a first one that holds less": ((BEGINNING, None, 0.7),),
    "a last one": ((LAST, None, 1.0),),
    "first, middle and last": ((BEGINNING, None, 1.0), (REFERENCE, 8, 0.6), (LAST, None, 1.0)),
    "two on the way that hold less": ((REFERENCE, 8, 0.9), (REFERENCE, 16, 0.3)),
}


def denoiser_of(recipe: Recipe) -> FamilyDenoiser:
    parts = ltx_parts(conditioned=True)
    encode = spoken({TOKENS: (8, 16), MASK: (8,)}, (MASK,))
    return FamilyDenoiser(LTX(Parts(parts["transformer"], parts["vae"], encode), recipe, Bend()))


@pytest.fixture(scope="module")
def later() -> FamilyDenoiser:
    return denoiser_of(LATER)


def given_of(kind: str, seed: int) -> list[Shown]:
    return [
        Shown(role, a_picture(SPEC.width, SPEC.height, 10 * seed + at), frame, strength)
        for at, (role, frame, strength) in enumerate(KINDS[kind])
    ]


def plan_of(seed: int, given: Sequence[Shown], steps: int = 6, **more: Any) -> Plan:
    artifacts = [Artifact(f"inputs/t/{seed}{at}.png", "image/png", 1) for at in range(len(given))]
    plan = make_plan(f"job {seed}", steps, seed=seed, spec=SPEC, shift=1.0, **more)
    image = None
    told = []
    for artifact, each in zip(artifacts, given, strict=True):
        if each.role == BEGINNING and each.strength == 1:
            image = artifact
        else:
            told.append(PlannedInput(each.role, IMAGE, artifact, each.frame, each.strength))
    return replace(plan, image=image, references=tuple(told))


def begun(denoiser: FamilyDenoiser, plan: Plan, given: Sequence[Shown]) -> JobState:
    seen = denoiser.encode_inputs(given, plan.spec) if given else {}
    return denoiser.start("a", plan, replace(hear(denoiser, plan), picture=seen))


def theirs(denoiser: FamilyDenoiser, plan: Plan, given: Sequence[Shown], recipe: Recipe = LATER) -> NDArray[np.float32]:
    text = hear(denoiser, plan)
    pipeline = LTXConditionPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), text_encoder=None, tokenizer=None, **ltx_parts(conditioned=True)
    )
    pipeline.set_progress_bar_config(disable=True)
    at = {BEGINNING: 0, LAST: SPEC.frames - 1}
    conditions = [
        LTXVideoCondition(Image.fromarray(each.frames[0]), None, at.get(each.role, each.frame or 0), each.strength)
        for each in given
    ]
    torch.manual_seed(plan.sampling.seed)  # what the decoder draws from
    frames: NDArray[np.float32] = pipeline(
        conditions=conditions or None,
        image_cond_noise_scale=recipe.picture_noise,
        prompt_embeds=batched(text.prompt, TOKENS),
        prompt_attention_mask=batched(text.prompt, MASK).bool(),
        negative_prompt_embeds=batched(text.negative, TOKENS),
        negative_prompt_attention_mask=batched(text.negative, MASK).bool(),
        width=SPEC.width,
        height=SPEC.height,
        num_frames=SPEC.frames,
        frame_rate=SPEC.fps,
        num_inference_steps=plan.sampling.steps,
        timesteps=[1000.0 * level for level in recipe.ladder] or None,
        guidance_scale=plan.sampling.guidance,
        decode_timestep=recipe.decode_timestep,
        decode_noise_scale=recipe.decode_noise,
        generator=torch.Generator().manual_seed(plan.sampling.seed),
        output_type="np",
    ).frames[0]
    return frames


def test_without_noise_on_the_pictures_they_are_those_of_the_pipeline_too() -> None:
    still = replace(LATER, picture_noise=0.0)
    denoiser, given = denoiser_of(still), given_of("first, middle and last", 3)
    plan = plan_of(3, given)
    state = begun(denoiser, plan, given)
    walk(denoiser, state)
    assert np.abs(denoiser.decode_float(state) - theirs(denoiser, plan, given, still)).max() <= WITHIN
    assert np.abs(denoiser.decode_float(state) - theirs(denoiser, plan, given)).max() > WITHIN, "the noise must count"


@pytest.mark.parametrize("kind", KINDS)
def test_the_frames_are_those_of_the_pipeline(later: FamilyDenoiser, kind: str) -> None:
    given = given_of(kind, 3)
    plan = plan_of(3, given)
    state = begun(later, plan, given)
    walk(later, state)
    ours, standard = later.decode_float(state), theirs(later, plan, given)
    assert ours.shape == standard.shape == (SPEC.frames, SPEC.height, SPEC.width, 3)
    assert np.ptp(standard) > 0.1
    assert np.abs(ours - standard).max() <= WITHIN
    assert np.abs(standard - theirs(later, plan, ())).max() > 1e-3, "it must matter what is shown"


def test_a_distilled_release_takes_them_too() -> None:
    denoiser, given = denoiser_of(DISTILLED), given_of("first, middle and last", 5)
    plan = plan_of(5, given, steps=len(DISTILLED.ladder), guidance=1.0)
    state = begun(denoiser, plan, given)
    walk(denoiser, state)
    assert np.abs(denoiser.decode_float(state) - theirs(denoiser, plan, given, DISTILLED)).max() <= WITHIN


def test_in_a_mixed_batch_each_has_its_own(later: FamilyDenoiser) -> None:
    given = [given_of("a last one", 1), given_of("a first one", 2), [], given_of("a first one that holds less", 4)]
    plans = [plan_of(seed, each, steps=4 + seed, guidance=1.0 + seed) for seed, each in enumerate(given)]
    states = [begun(later, plan, each) for plan, each in zip(plans, given, strict=True)]
    walk(later, states[3], until=2)
    walk(later, *states)
    for plan, each, state in zip(plans, given, states, strict=True):
        assert np.abs(later.decode_float(state) - theirs(later, plan, each)).max() <= WITHIN


@pytest.mark.parametrize("at", [1, 4])
def test_resumed_from_a_checkpoint_they_are_the_same_to_the_bit(later: FamilyDenoiser, at: int) -> None:
    given = given_of("first, middle and last", 6)
    plan = plan_of(6, given, deterministic=True)
    whole, parted = begun(later, plan, given), begun(later, plan, given)
    walk(later, whole)
    walk(later, parted, until=at)
    assert later.preview(parted).shape == (1, SPEC.height, SPEC.width, 3)
    resumed = denoiser_of(LATER).resume(plan, to_bytes(parted))
    walk(later, resumed)
    assert torch.equal(resumed.latent, whole.latent)
    assert np.abs(later.decode_float(resumed) - theirs(later, plan, given)).max() <= WITHIN


def test_earlier_releases_and_other_roles_are_refused(later: FamilyDenoiser) -> None:
    with pytest.raises(InvalidRequest, match="pictures at frames"):
        later.encode_inputs([Shown(CONTROL, a_picture(64, 32))], SPEC)
    with pytest.raises(InvalidRequest) as caught:
        denoiser_of(FIRST).encode_image(a_picture(64, 32), SPEC)
    assert caught.value.error_code == "image_not_taken"
