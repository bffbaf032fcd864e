"""HunyuanVideo 1.5: HunyuanVideo15Transformer3DModel and its autoencoder, equal to HunyuanVideo15Pipeline.

Guided by an unconditional pass. The text is heard from a language model, and what stands in quotation marks a second
time letter by letter, for writing inside the picture. The model also takes a first picture; without one it sees zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from diffusers import HunyuanVideo15Pipeline

from app.engine.denoiser import TOKENS, Heard
from app.engine.families.family import OfParts, Row, compressed, latents, stacked, timesteps
from app.engine.families.loading.placement import Parts
from app.engine.families.loading.reader import Files, Listen, Reader
from app.engine.samplers.levels import Bend
from app.engine.samplers.schedule import Schedule
from app.types import Plan, VideoSpec

MASK = "mask"  # (T,): 1 where the text is, 0 where it is padding
LETTERS = "letters"  # (T', D')
LETTERS_MASK = "letters_mask"  # (T',)
PICTURE_TOKENS = 729  # that the model expects of a first picture


class HunyuanVideo15(OfParts):
    """The Family. `picture_tokens`: how many stand for the picture that is not there."""

    samplers: tuple[str, ...] = ("euler",)
    free_guidance = True

    def __init__(
        self,
        transformer: Any,
        autoencoder: Any,
        encode: Listen,
        bend: Bend,
        picture_tokens: int = PICTURE_TOKENS,
        device: torch.device | None = None,
    ) -> None:
        super().__init__(transformer, autoencoder, encode, device)
        self._bend = bend
        self._picture_tokens = picture_tokens

    def _latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        model = self._autoencoder
        temporal, spatial = int(model.temporal_compression_ratio), int(model.spatial_compression_ratio)
        grain = spatial * int(self._transformer.config.patch_size)
        return int(model.config.latent_channels), *compressed(spec, temporal, spatial, grain)

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        return torch.randn(self._latent_shape(plan.spec), generator=generator)

    def walk(self, plan: Plan) -> Schedule:
        return self._bend.bent(np.linspace(1.0, 0.0, plan.sampling.steps + 1)[:-1], plan.sampling.shift)

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        dtype, width = self._transformer.dtype, int(self._transformer.config.image_embed_dim)
        seen = latents(rows, dtype)
        nothing = torch.zeros_like(seen)
        answer: torch.Tensor = self._transformer(
            hidden_states=torch.cat([seen, nothing, nothing[:, :1]], dim=1),  # latent, picture, where the picture is
            image_embeds=seen.new_zeros((len(rows), self._picture_tokens, width)),
            timestep=timesteps(rows, self.device).to(dtype),
            encoder_hidden_states=stacked(rows, TOKENS, dtype),
            encoder_attention_mask=stacked(rows, MASK, dtype),
            encoder_hidden_states_2=stacked(rows, LETTERS, dtype),
            encoder_attention_mask_2=stacked(rows, LETTERS_MASK, dtype),
            return_dict=False,
        )[0]
        return answer

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        model = self._autoencoder
        raw = latent[None].to(model.dtype) / model.config.scaling_factor
        video: torch.Tensor = model.decode(raw, return_dict=False)[0][0]
        return video


def heard_by(pipeline: Any, files: Files) -> Listen:
    """The pipeline's two encoders, with its own instruction before the prompt and cut off again."""

    def encode(prompts: Sequence[str]) -> list[Heard]:
        told = zip(*pipeline.encode_prompt(list(prompts), device=files.device, batch_size=len(prompts)), strict=True)
        names = (TOKENS, MASK, LETTERS, LETTERS_MASK)
        return [dict(zip(names, each, strict=True)) for each in told]

    return encode


def _family(parts: Parts, pipeline: Any, files: Files) -> HunyuanVideo15:
    bend = Bend.of(pipeline.scheduler.config)
    return HunyuanVideo15(parts.transformer, parts.autoencoder, parts.encode, bend, device=files.device)


# The pipeline asks its autoencoder for a number even when there is none.
READER = Reader(lambda files: HunyuanVideo15Pipeline, heard_by, _family, unheard=("transformer",))
