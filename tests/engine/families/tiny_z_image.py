"""Z-Image's real classes, as small as they can be, with random weights."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel

from app.engine.denoiser import TOKENS, TextEmbedding
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.models import Parts
from app.engine.families.z_image import ZImage
from app.types import Plan, VideoSpec
from tests.engine.families.standard import Pixels, Tiny, lettered


def z_image() -> Tiny:
    """Texts of several lengths, a fixed shift."""
    parts = z_image_parts()

    def by_pipeline(plan: Plan, prompt: TextEmbedding, negative: TextEmbedding) -> Pixels:
        scheduler = FlowMatchEulerDiscreteScheduler(shift=plan.sampling.shift)
        pipeline = ZImagePipeline(scheduler=scheduler, text_encoder=None, tokenizer=None, **parts)
        pipeline.set_progress_bar_config(disable=True)
        pictures: Pixels = pipeline(
            prompt_embeds=[prompt[TOKENS]],
            negative_prompt_embeds=[negative[TOKENS]],
            width=plan.spec.width,
            height=plan.spec.height,
            num_inference_steps=plan.sampling.steps,
            guidance_scale=plan.sampling.guidance - 1,
            generator=torch.Generator().manual_seed(plan.sampling.seed),
            output_type="np",
        ).images
        return pictures

    family = ZImage(Parts(parts["transformer"], parts["vae"], lettered(16)))
    return Tiny(FamilyDenoiser(family), by_pipeline, VideoSpec(32, 16, 1, 1), shift=3.0)


def z_image_parts() -> dict[str, Any]:
    """Always the same transformer and autoencoder."""
    torch.manual_seed(0)
    transformer = ZImageTransformer2DModel(
        in_channels=4,
        dim=32,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[256, 32, 32],
    ).eval()
    with torch.no_grad():  # left empty by the class, as the weights have them
        transformer.x_pad_token.normal_()
        transformer.cap_pad_token.normal_()
    autoencoder = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        block_out_channels=(8, 8),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        scaling_factor=0.4,
        shift_factor=0.1,
        use_quant_conv=False,
        use_post_quant_conv=False,
    ).eval()
    return {"transformer": transformer, "vae": autoencoder}
