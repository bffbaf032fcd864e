"""What Wan has beside its text is there for any family: step caches, pictures and two experts, shown on LTX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTXPipeline

from app.engine.denoiser import TOKENS, Frames
from app.engine.families.family import Experts
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.ltx import FIRST, LTX, MASK
from app.engine.families.models import Parts
from app.engine.families.step_caches import CONFIGS, StepCaches
from app.errors import InvalidRequest
from app.types import VideoSpec
from tests.engine.families.standard import batched, spoken
from tests.engine.families.tiny_ltx import SPEC, ltx_parts
from tests.engine.plans import hear, make_plan, walk

STEPS = 12
PICTURE = np.zeros((1, SPEC.height, SPEC.width, 3), np.uint8)


@pytest.fixture
def family() -> LTX:
    parts = ltx_parts(layers=3)
    return LTX(Parts(parts["transformer"], parts["vae"], spoken({TOKENS: (8, 16), MASK: (8,)}, (MASK,))), FIRST)


@pytest.mark.parametrize("kind", ["first_block", "taylorseer"])
def test_a_family_with_a_step_cache_makes_what_its_pipeline_makes_with_the_same(family: LTX, kind: str) -> None:
    parts = ltx_parts(layers=3)
    family.step_caches = StepCaches(family._transformer)
    denoiser = FamilyDenoiser(family)
    plan = make_plan("a red ball", STEPS, spec=SPEC, guidance=1.0, shift=1.0, step_cache=kind)
    parts["transformer"].enable_cache(CONFIGS[kind](STEPS, ()))
    pipeline = LTXPipeline(scheduler=FlowMatchEulerDiscreteScheduler(), text_encoder=None, tokenizer=None, **parts)
    pipeline.set_progress_bar_config(disable=True)
    text = hear(denoiser, plan).prompt
    theirs = pipeline(
        prompt_embeds=batched(text, TOKENS),
        prompt_attention_mask=batched(text, MASK).bool(),
        width=SPEC.width,
        height=SPEC.height,
        num_frames=SPEC.frames,
        frame_rate=SPEC.fps,
        num_inference_steps=STEPS,
        guidance_scale=1.0,
        generator=torch.Generator().manual_seed(plan.sampling.seed),
        output_type="np",
    ).frames[0]
    made = []
    for cache in (kind, ""):
        asked = replace(plan, sampling=replace(plan.sampling, step_cache=cache))
        state = denoiser.start("a", asked, hear(denoiser, asked))
        walk(denoiser, state)
        made.append(denoiser.decode_float(state))
    assert np.abs(made[0] - theirs).max() <= 1e-4
    assert np.abs(made[0] - made[1]).max() > 1e-5, "the cache has saved nothing"


class FirstFrame:
    """The picture is the first latent frame."""

    needed = True

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        return {"latent": torch.full((8, 1, spec.height // 4, spec.width // 4), float(image.mean()) + 5)}

    def model_input(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return torch.cat([image["latent"], latent[:, 1:]], dim=1)

    final_latent = model_input


def test_a_family_with_image_conditioning_shows_its_transformer_the_picture_and_needs_one(family: LTX) -> None:
    family.image = FirstFrame()
    denoiser, plan, seen = FamilyDenoiser(family), make_plan("a red ball", 2, spec=SPEC), []
    family._transformer.register_forward_pre_hook(
        lambda module, args, inputs: seen.append(inputs["hidden_states"]), with_kwargs=True
    )
    given = replace(hear(denoiser, plan), picture=denoiser.encode_image(PICTURE, SPEC))
    state = denoiser.start("a", plan, given)
    walk(denoiser, state)
    first = given.picture["latent"].flatten().numel() // 8
    assert all(torch.equal(tokens[:, :first], torch.full_like(tokens[:, :first], 5.0)) for tokens in seen)
    assert denoiser.decode(state).shape == (SPEC.frames, SPEC.height, SPEC.width, 3)
    with pytest.raises(InvalidRequest, match="needs a picture"):
        denoiser.start("b", plan, hear(denoiser, plan))


def test_a_family_with_experts_steps_jobs_apart_by_the_boundary(family: LTX) -> None:
    family.experts = Experts(500.0)
    family.adapters = {"high": family.adapters[""], "low": family.adapters[""]}
    plan = make_plan("a red ball", 4, spec=SPEC, shift=1.0)
    plan = replace(plan, sampling=replace(plan.sampling, guidance_2=1.5))
    denoiser = FamilyDenoiser(family)
    state = denoiser.start("a", plan, hear(denoiser, plan))
    assert state.groups == ("high", "high", "high", "low")
    assert state.guidances == (3.0, 3.0, 3.0, 1.5)
    walk(denoiser, state)
    assert state.done
