"""Kandinsky 5's real classes, as small as they can be, with random weights, and what its pipelines make of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    Kandinsky5I2VPipeline,
    Kandinsky5T2VPipeline,
    Kandinsky5Transformer3DModel,
)
from PIL import Image

from app.engine.denoiser import TOKENS, Frames, TextEmbedding
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.kandinsky5 import POOLED, Kandinsky5
from app.engine.families.models import Parts
from app.types import Plan, VideoSpec
from tests.engine.families.standard import Pixels, Tiny
from tests.engine.families.tiny_hunyuan import hunyuan_parts

SPEC = VideoSpec(32, 16, 25, 24)


def kandinsky5(visual_cond: bool = True) -> Tiny:
    """Of text; weights as published have room for a picture that they are not shown."""
    parts = kandinsky5_parts(visual_cond)
    family = Kandinsky5(Parts(parts["transformer"], parts["vae"], worded))
    return Tiny(FamilyDenoiser(family), partial(by_pipeline, parts), SPEC, shift=5.0)


def seeing() -> FamilyDenoiser:
    """Of a picture."""
    parts = kandinsky5_parts()
    return FamilyDenoiser(Kandinsky5(Parts(parts["transformer"], parts["vae"], worded), seen=True))


def by_pipeline(
    parts: dict[str, Any], plan: Plan, prompt: TextEmbedding, negative: TextEmbedding, picture: Frames | None = None
) -> Pixels:
    """Frames of the pipeline of text, or of a picture."""
    kind = Kandinsky5T2VPipeline if picture is None else Kandinsky5I2VPipeline
    encoders = dict.fromkeys(("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"))
    pipeline = kind(scheduler=FlowMatchEulerDiscreteScheduler(shift=plan.sampling.shift), **encoders, **parts)
    pipeline.set_progress_bar_config(disable=True)
    seen = {} if picture is None else {"image": Image.fromarray(picture[0])}
    heard = {
        f"{before}prompt_{name}": tensor
        for before, text in (("", prompt), ("negative_", negative))
        for name, tensor in (
            ("embeds_qwen", text[TOKENS][None]),
            ("embeds_clip", text[POOLED][None]),
            ("cu_seqlens", torch.tensor([0, len(text[TOKENS])], dtype=torch.int32)),
        )
    }
    frames: Pixels = pipeline(
        width=plan.spec.width,
        height=plan.spec.height,
        num_frames=plan.spec.frames,
        num_inference_steps=plan.sampling.steps,
        guidance_scale=plan.sampling.guidance,
        generator=torch.Generator().manual_seed(plan.sampling.seed),
        output_type="np",
        **heard,
        **seen,
    ).frames[0]
    return frames


def worded(prompts: Any) -> list[TextEmbedding]:
    """A token for every second letter, and the whole."""
    made = []
    for prompt in prompts:
        seed = torch.Generator().manual_seed(sum(prompt.encode()))
        tokens = torch.randn(1 + len(prompt) // 2, 16, generator=seed)
        made.append({TOKENS: tokens, POOLED: torch.randn(8, generator=seed)})
    return made


def kandinsky5_parts(visual_cond: bool = True) -> dict[str, Any]:
    """Always the same. Modulation is zero at birth, by which no block would count."""
    autoencoder = hunyuan_parts()["vae"]
    torch.manual_seed(0)
    transformer = Kandinsky5Transformer3DModel(
        in_visual_dim=4,
        out_visual_dim=4,
        in_text_dim=16,
        in_text_dim2=8,
        time_dim=16,
        model_dim=24,
        ff_dim=32,
        num_text_blocks=1,
        num_visual_blocks=2,
        axes_dims=(4, 4, 4),
        visual_cond=visual_cond,
    ).eval()
    for name, weight in transformer.named_parameters():
        if "modulation" in name:
            torch.nn.init.normal_(weight, std=0.2)
    return {"transformer": transformer, "vae": autoencoder}
