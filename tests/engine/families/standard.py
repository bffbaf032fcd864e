"""A tiny family beside the diffusers pipeline that is its standard, with texts that need no encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine.denoiser import TOKENS, EncodePrompts, TextEmbedding
from app.engine.families.family_denoiser import FamilyDenoiser
from app.types import Plan, VideoSpec

Pixels = NDArray[np.float32]  # (F, H, W, 3) in 0..1


@dataclass(frozen=True, slots=True)
class Tiny:
    """Random weights as a denoiser, and what the pipeline makes of the same weights."""

    denoiser: FamilyDenoiser
    by_pipeline: Callable[
        [Plan, TextEmbedding, TextEmbedding], Pixels
    ]  # the plan, what is heard of its prompt and negative prompt
    spec: VideoSpec
    sampler: str = "euler"
    steps: int = 5
    guidance: float = 3.0
    shift: float = 1.0


def spoken(words: dict[str, tuple[int, ...]], masks: tuple[str, ...] = ()) -> EncodePrompts:
    """An encoder that answers with random tensors of these shapes, others for every prompt; masks end at a third."""

    def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
        made = []
        for prompt in prompts:
            seed = torch.Generator().manual_seed(sum(prompt.encode()))
            text = {name: torch.randn(shape, generator=seed) for name, shape in words.items()}
            for name in masks:
                length = words[name][0]
                text[name] = (torch.arange(length) < length - len(prompt) % (length // 2)).float()
            made.append(text)
        return made

    return encode


def batched(text: TextEmbedding, name: str) -> torch.Tensor:
    """As a pipeline takes it: (1, ...)."""
    return text[name][None]


def lettered(width: int) -> EncodePrompts:
    """An encoder that answers with a token of that width for every letter, and one for no letters."""

    def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
        seeds = [torch.Generator().manual_seed(sum(prompt.encode())) for prompt in prompts]
        lengths = [1 + len(prompt) for prompt in prompts]
        pairs = zip(lengths, seeds, strict=True)
        return [{TOKENS: torch.randn(length, width, generator=seed)} for length, seed in pairs]

    return encode
