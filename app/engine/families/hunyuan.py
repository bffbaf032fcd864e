"""HunyuanVideo 1.0: HunyuanVideoTransformer3DModel and its autoencoder, equal to HunyuanVideoPipeline.

Guidance is an input of the model, so that a guided step is one forward and nothing is heard of a negative prompt. The
text is heard twice: word by word from a language model, whose instruction is cut off, and as a whole from CLIP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from diffusers import HunyuanVideoPipeline

from app.engine.denoiser import TOKENS, Heard
from app.engine.families.family import OfParts, Row, compressed, latents, stacked, timesteps
from app.engine.families.loading.placement import Parts
from app.engine.families.loading.reader import Files, Listen, Reader
from app.engine.samplers.levels import Bend
from app.engine.samplers.schedule import Schedule
from app.types import Plan, VideoSpec

MASK = "mask"  # (T,): 1 where the text is, 0 where it is padding
POOLED = "pooled"  # (D,): the text as a whole


class HunyuanVideo(OfParts):
    """The Family."""

    samplers: tuple[str, ...] = ("euler",)
    free_guidance = False

    def __init__(
        self,
        transformer: Any,
        autoencoder: Any,
        encode: Listen,
        bend: Bend,
        device: torch.device | None = None,
    ) -> None:
        super().__init__(transformer, autoencoder, encode, device)
        self._bend = bend

    def _latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        model = self._autoencoder
        temporal, spatial = int(model.temporal_compression_ratio), int(model.spatial_compression_ratio)
        grain = spatial * int(self._transformer.config.patch_size)
        return int(self._transformer.config.in_channels), *compressed(spec, temporal, spatial, grain)

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        return torch.randn(self._latent_shape(plan.spec), generator=generator)

    def walk(self, plan: Plan) -> Schedule:
        return self._bend.bent(np.linspace(1.0, 0.0, plan.sampling.steps + 1)[:-1], plan.sampling.shift)

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        dtype = self._transformer.dtype
        wished = [row.state.plan.sampling.guidance for row in rows]
        answer: torch.Tensor = self._transformer(
            hidden_states=latents(rows, dtype),
            timestep=timesteps(rows, self.device),
            encoder_hidden_states=stacked(rows, TOKENS, dtype),
            encoder_attention_mask=stacked(rows, MASK, dtype),
            pooled_projections=stacked(rows, POOLED, dtype),
            guidance=torch.tensor(wished, dtype=dtype, device=self.device) * 1000.0,
            return_dict=False,
        )[0]
        return answer

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        model = self._autoencoder
        raw = latent[None].to(model.dtype) / model.config.scaling_factor
        video: torch.Tensor = model.decode(raw, return_dict=False)[0][0]
        return video


def heard_by(pipeline: Any, files: Files) -> Listen:
    """The pipeline's two encoders, with its own instruction around the prompt and cut off again."""

    def encode(prompts: Sequence[str]) -> list[Heard]:
        told = zip(*pipeline.encode_prompt(list(prompts), device=files.device), strict=True)
        return [{TOKENS: tokens, POOLED: pooled, MASK: mask} for tokens, pooled, mask in told]

    return encode


def _family(parts: Parts, pipeline: Any, files: Files) -> HunyuanVideo:
    bend = Bend.of(pipeline.scheduler.config)
    return HunyuanVideo(parts.transformer, parts.autoencoder, parts.encode, bend, device=files.device)


READER = Reader(lambda files: HunyuanVideoPipeline, heard_by, _family)
