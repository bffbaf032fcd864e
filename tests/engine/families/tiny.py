"""The real Wan classes, as small as they can be, with random weights, and diffusers' own frames of them."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
)
from diffusers.models.transformers.transformer_wan import WanAttnProcessor
from numpy.typing import NDArray
from PIL import Image
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel

from app.engine.denoiser import TOKENS, TextEmbedding
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.models import Parts
from app.engine.families.wan.family import Wan
from app.types import Plan

Z = 4


def tiny_transformer(seed: int = 0, channels: int = Z, **more: Any) -> WanTransformer3DModel:
    """Always the same one."""
    torch.manual_seed(seed)
    return WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=channels,
        out_channels=Z,
        text_dim=16,
        freq_dim=16,
        ffn_dim=32,
        num_layers=2,
        rope_max_seq_len=32,
        **more,
    )


def tiny_autoencoder(**more: Any) -> AutoencoderKLWan:
    torch.manual_seed(0)
    return AutoencoderKLWan(
        base_dim=4,
        z_dim=Z,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.1, -0.2, 0.3, 0.0],
        latents_std=[0.5, 1.5, 2.0, 1.0],
        **more,
    )


def tiny_press() -> AutoencoderKLWan:
    """Like that of Wan 2.2 TI2V 5B: patches of pixels, residual, 16 pixels to a latent."""
    more = {"patch_size": 2, "is_residual": True, "in_channels": 12, "out_channels": 12, "scale_factor_spatial": 16}
    return tiny_autoencoder(**more)


def tiny_clip() -> tuple[CLIPImageProcessor, CLIPVisionModel]:
    torch.manual_seed(0)
    shape = CLIPVisionConfig(
        hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=8, patch_size=4
    )
    sides = {"shortest_edge": 8}
    return CLIPImageProcessor(size=sides, crop_size={"height": 8, "width": 8}), CLIPVisionModel(shape).eval()


def tiny_text(prompts: Sequence[str]) -> torch.Tensor:
    """(B, 6, 16), a different one for every prompt."""
    seeds = [torch.Generator().manual_seed(sum(prompt.encode())) for prompt in prompts]
    return torch.stack([torch.randn(6, 16, generator=seed) for seed in seeds])


def tiny_encode(prompts: Sequence[str]) -> list[TextEmbedding]:
    """The same as a family's encoder gives it."""
    return [{TOKENS: each} for each in tiny_text(prompts)]


def tiny_wan(parts: Parts | None = None, **more: Any) -> FamilyDenoiser:
    """These parts, or the tiny ones, as a denoiser."""
    return FamilyDenoiser(Wan(parts or Parts(tiny_transformer(), tiny_autoencoder(), tiny_encode), **more))


def transformer_of(denoiser: FamilyDenoiser) -> Any:
    """What its forwards go through."""
    return vars(denoiser._family)["_transformer"]


def autoencoder_of(denoiser: FamilyDenoiser) -> Any:
    """What it decodes with."""
    return vars(denoiser._family)["_autoencoder"]


def a_picture(width: int, height: int, seed: int = 0) -> NDArray[np.uint8]:
    """(1, H, W, 3): a ramp with some noise."""
    noise = np.random.default_rng(seed).integers(0, 60, (1, height, width, 3))
    ramp = np.linspace(0, 195, width)[None, None, :, None]
    return (noise + ramp).astype(np.uint8)


def by_pipeline(
    transformer: Any,
    autoencoder: Any,
    text: torch.Tensor,
    plan: Plan,
    step_cache: Any = None,
    *,
    second: Any = None,
    boundary: float | None = None,
    expand: bool = False,
    clip: tuple[Any, Any] = (None, None),
    picture: NDArray[np.uint8] | None = None,
    last: NDArray[np.uint8] | None = None,
) -> NDArray[np.float32]:
    """diffusers' own frames, by its own attention and with its own cache: float32 (F, H, W, 3) in 0..1."""
    experts = [deepcopy(each) for each in (transformer, second) if each is not None]
    for each in experts:
        each.set_attn_processor(WanAttnProcessor())
        if step_cache is not None:
            each.enable_cache(step_cache)
    shift = plan.sampling.shift
    theirs = {
        "euler": FlowMatchEulerDiscreteScheduler(shift=shift),
        "unipc": UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift),
    }
    parts = {
        "tokenizer": None,
        "text_encoder": None,
        "vae": autoencoder,
        "scheduler": theirs[plan.sampling.sampler],
        "transformer": experts[0],
        "transformer_2": experts[1] if second is not None else None,
        "boundary_ratio": boundary,
        "expand_timesteps": expand,
    }
    asked: dict[str, Any] = {}
    if picture is None:
        pipeline = WanPipeline(**parts)
    else:
        pipeline = WanImageToVideoPipeline(**parts, image_processor=clip[0], image_encoder=clip[1])
        asked["image"] = Image.fromarray(picture[0])
        if last is not None:
            asked["last_image"] = Image.fromarray(last[0])
    if boundary is not None:
        asked["guidance_scale_2"] = plan.sampling.guidance_2
    pipeline.set_progress_bar_config(disable=True)
    frames: NDArray[np.float32] = pipeline(
        prompt_embeds=text[:1],
        negative_prompt_embeds=text[1:],
        width=plan.spec.width,
        height=plan.spec.height,
        num_frames=plan.spec.frames,
        num_inference_steps=plan.sampling.steps,
        guidance_scale=plan.sampling.guidance,
        generator=torch.Generator().manual_seed(plan.sampling.seed),
        output_type="np",
        **asked,
    ).frames[0]
    return frames
