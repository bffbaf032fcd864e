"""HunyuanVideo's real classes, 1.0 and 1.5, as small as they can be, with random weights."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKLHunyuanVideo,
    AutoencoderKLHunyuanVideo15,
    ClassifierFreeGuidance,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideo15Pipeline,
    HunyuanVideo15Transformer3DModel,
    HunyuanVideoPipeline,
    HunyuanVideoTransformer3DModel,
)

from app.engine.denoiser import TOKENS, TextEmbedding
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.hunyuan import MASK, POOLED, HunyuanVideo
from app.engine.families.hunyuan15 import LETTERS, LETTERS_MASK, HunyuanVideo15
from app.engine.families.models import Parts
from app.types import Plan, VideoSpec
from tests.engine.families.standard import Pixels, Tiny, batched, spoken


def hunyuan() -> Tiny:
    """1.0: guidance as an input, a text heard twice."""
    parts = hunyuan_parts()

    def by_pipeline(plan: Plan, prompt: TextEmbedding, negative: TextEmbedding) -> Pixels:
        scheduler = FlowMatchEulerDiscreteScheduler(shift=plan.sampling.shift)
        pipeline = HunyuanVideoPipeline(
            scheduler=scheduler, text_encoder=None, tokenizer=None, text_encoder_2=None, tokenizer_2=None, **parts
        )
        pipeline.set_progress_bar_config(disable=True)
        frames: Pixels = pipeline(
            prompt_embeds=batched(prompt, TOKENS),
            pooled_prompt_embeds=batched(prompt, POOLED),
            prompt_attention_mask=batched(prompt, MASK),
            width=plan.spec.width,
            height=plan.spec.height,
            num_frames=plan.spec.frames,
            num_inference_steps=plan.sampling.steps,
            guidance_scale=plan.sampling.guidance,
            generator=torch.Generator().manual_seed(plan.sampling.seed),
            output_type="np",
        ).frames[0]
        return frames

    encode = spoken({TOKENS: (8, 16), POOLED: (8,), MASK: (8,)}, (MASK,))
    family = HunyuanVideo(Parts(parts["transformer"], parts["vae"], encode))
    return Tiny(FamilyDenoiser(family), by_pipeline, VideoSpec(32, 16, 5, 8), shift=7.0)


def hunyuan_parts() -> dict[str, Any]:
    """Always the same transformer and autoencoder of 1.0."""
    torch.manual_seed(0)
    transformer = HunyuanVideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=10,
        num_layers=1,
        num_single_layers=1,
        num_refiner_layers=1,
        patch_size=1,
        text_embed_dim=16,
        pooled_projection_dim=8,
        rope_axes_dim=(2, 4, 4),
    ).eval()
    autoencoder = AutoencoderKLHunyuanVideo(
        latent_channels=4,
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        norm_num_groups=4,
    ).eval()
    return {"transformer": transformer, "vae": autoencoder}


def hunyuan15_parts() -> dict[str, Any]:
    """The transformer and autoencoder of 1.5."""
    torch.manual_seed(0)
    transformer = HunyuanVideo15Transformer3DModel(
        in_channels=9,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=2,
        num_refiner_layers=1,
        text_embed_dim=16,
        text_embed_2_dim=12,
        image_embed_dim=12,
        rope_axes_dim=(4, 6, 6),
        target_size=16,
        task_type="t2v",
    ).eval()
    autoencoder = AutoencoderKLHunyuanVideo15(
        latent_channels=4,
        block_out_channels=(16, 16),
        layers_per_block=1,
        spatial_compression_ratio=4,
        temporal_compression_ratio=4,
        downsample_match_channel=False,
        upsample_match_channel=False,
    ).eval()
    return {"transformer": transformer, "vae": autoencoder}


def hunyuan15() -> Tiny:
    """1.5: guidance by an unconditional pass, letters of their own."""
    transformer, autoencoder = hunyuan15_parts().values()

    def by_pipeline(plan: Plan, prompt: TextEmbedding, negative: TextEmbedding) -> Pixels:
        scheduler = FlowMatchEulerDiscreteScheduler(shift=plan.sampling.shift)
        guider = ClassifierFreeGuidance(guidance_scale=plan.sampling.guidance)
        pipeline = HunyuanVideo15Pipeline(None, None, transformer, autoencoder, scheduler, None, None, guider)
        pipeline.vision_num_semantic_tokens = 3
        pipeline.set_progress_bar_config(disable=True)
        frames: Pixels = pipeline(
            prompt_embeds=batched(prompt, TOKENS),
            prompt_embeds_mask=batched(prompt, MASK),
            prompt_embeds_2=batched(prompt, LETTERS),
            prompt_embeds_mask_2=batched(prompt, LETTERS_MASK),
            negative_prompt_embeds=batched(negative, TOKENS),
            negative_prompt_embeds_mask=batched(negative, MASK),
            negative_prompt_embeds_2=batched(negative, LETTERS),
            negative_prompt_embeds_mask_2=batched(negative, LETTERS_MASK),
            width=plan.spec.width,
            height=plan.spec.height,
            num_frames=plan.spec.frames,
            num_inference_steps=plan.sampling.steps,
            generator=torch.Generator().manual_seed(plan.sampling.seed),
            output_type="np",
        ).frames[0]
        return frames

    shapes = {TOKENS: (8, 16), MASK: (8,), LETTERS: (6, 12), LETTERS_MASK: (6,)}
    encode = spoken(shapes, (MASK, LETTERS_MASK))
    family = HunyuanVideo15(Parts(transformer, autoencoder, encode), picture_tokens=3)
    return Tiny(FamilyDenoiser(family), by_pipeline, VideoSpec(32, 16, 5, 8), shift=5.0)
