"""LTX-Video's real classes, as small as they can be, with random weights."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXConditionPipeline,
    LTXPipeline,
    LTXVideoTransformer3DModel,
)

from app.engine.denoiser import TOKENS, TextEmbedding
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.ltx import FIRST, LTX, MASK, Recipe
from app.engine.families.models import Parts
from app.engine.samplers.levels import Bend
from app.types import Plan, VideoSpec
from tests.engine.families.standard import Pixels, Tiny, batched, spoken

SPEC = VideoSpec(64, 32, 9, 8)
BENT = {"use_dynamic_shifting": True, "max_shift": 2.05, "base_shift": 0.95, "base_image_seq_len": 8}
BENT |= {"max_image_seq_len": 64, "shift_terminal": 0.1}


def ltx(recipe: Recipe, conditioned: bool) -> Tiny:
    """A release with that recipe; `conditioned`: its decoder hears a timestep and draws noise."""
    parts = ltx_parts(conditioned)
    bend = Bend.of(BENT) if recipe is FIRST else Bend()
    encode = spoken({TOKENS: (8, 16), MASK: (8,)}, (MASK,))
    family = LTX(Parts(parts["transformer"], parts["vae"], encode), recipe, bend)

    def by_pipeline(plan: Plan, prompt: TextEmbedding, negative: TextEmbedding) -> Pixels:
        kind = LTXConditionPipeline if recipe.paced else LTXPipeline
        scheduler = FlowMatchEulerDiscreteScheduler(**({} if recipe.paced else BENT))
        pipeline = kind(scheduler=scheduler, text_encoder=None, tokenizer=None, **parts)
        pipeline.set_progress_bar_config(disable=True)
        own = [1000.0 * level for level in recipe.ladder] or None
        torch.manual_seed(plan.sampling.seed)  # what the decoder draws from
        frames: Pixels = pipeline(
            prompt_embeds=batched(prompt, TOKENS),
            prompt_attention_mask=batched(prompt, MASK).bool(),
            negative_prompt_embeds=batched(negative, TOKENS),
            negative_prompt_attention_mask=batched(negative, MASK).bool(),
            width=plan.spec.width,
            height=plan.spec.height,
            num_frames=plan.spec.frames,
            frame_rate=plan.spec.fps,
            num_inference_steps=plan.sampling.steps,
            timesteps=own,
            guidance_scale=plan.sampling.guidance,
            decode_timestep=recipe.decode_timestep,
            decode_noise_scale=recipe.decode_noise,
            generator=torch.Generator().manual_seed(plan.sampling.seed),
            output_type="np",
        ).frames[0]
        return frames

    return Tiny(FamilyDenoiser(family), by_pipeline, SPEC, steps=len(recipe.ladder) or 5)


def ltx_parts(conditioned: bool = False, layers: int = 1) -> dict[str, Any]:
    """Always the same transformer and autoencoder."""
    torch.manual_seed(0)
    transformer = LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        num_layers=layers,
        caption_channels=16,
    )
    autoencoder = AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, False, False),
        decoder_spatio_temporal_scaling=(True, True, False, False),
        decoder_inject_noise=(conditioned, False, False, False, False),
        timestep_conditioning=conditioned,
        patch_size=1,
    )
    autoencoder.latents_std.fill_(1.5)
    autoencoder.latents_mean.fill_(0.1)
    return {"transformer": transformer.eval(), "vae": autoencoder.eval()}
