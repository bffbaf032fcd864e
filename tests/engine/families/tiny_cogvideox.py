"""CogVideoX's real classes, as small as they can be, with random weights."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXDDIMScheduler, CogVideoXPipeline, CogVideoXTransformer3DModel

from app.engine.denoiser import TOKENS, TextEmbedding
from app.engine.families.cogvideox import CogVideoX
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.models import Parts
from app.types import Plan, VideoSpec
from tests.engine.families.standard import Pixels, Tiny, batched, spoken


def cogvideox(pairs: bool) -> Tiny:
    """1.0 with sines, or 1.5 with latent frames in pairs and rotary angles."""
    parts = cogvideox_parts(pairs)

    def by_pipeline(plan: Plan, prompt: TextEmbedding, negative: TextEmbedding) -> Pixels:
        scheduler = CogVideoXDDIMScheduler(
            prediction_type="v_prediction",
            timestep_spacing="trailing",
            rescale_betas_zero_snr=True,
            snr_shift_scale=plan.sampling.shift,
        )
        pipeline = CogVideoXPipeline(scheduler=scheduler, text_encoder=None, tokenizer=None, **parts)
        pipeline.set_progress_bar_config(disable=True)
        frames: Pixels = pipeline(
            prompt_embeds=batched(prompt, TOKENS),
            negative_prompt_embeds=batched(negative, TOKENS),
            width=plan.spec.width,
            height=plan.spec.height,
            num_frames=plan.spec.frames,
            num_inference_steps=plan.sampling.steps,
            guidance_scale=plan.sampling.guidance,
            generator=torch.Generator().manual_seed(plan.sampling.seed),
            output_type="np",
        ).frames[0]
        return frames

    family = CogVideoX(Parts(parts["transformer"], parts["vae"], spoken({TOKENS: (8, 16)})), 3.0)
    return Tiny(FamilyDenoiser(family), by_pipeline, VideoSpec(32, 16, 9, 8), sampler="ddim", shift=3.0)


def cogvideox_parts(pairs: bool) -> dict[str, Any]:
    """Always the same transformer and autoencoder."""
    torch.manual_seed(0)
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=4,
        out_channels=4,
        time_embed_dim=8,
        text_embed_dim=16,
        num_layers=1,
        sample_width=4,
        sample_height=2,
        sample_frames=9,
        patch_size=2,
        patch_size_t=2 if pairs else None,
        patch_bias=not pairs,
        use_rotary_positional_embeddings=pairs,
        max_text_seq_length=8,
    ).eval()
    autoencoder = AutoencoderKLCogVideoX(
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        temporal_compression_ratio=4,
    ).eval()
    return {"transformer": transformer, "vae": autoencoder}
