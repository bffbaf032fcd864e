"""HunyuanVideo 1.0: HunyuanVideoTransformer3DModel and its autoencoder, equal to HunyuanVideoPipeline.

Guidance is an input of the model, so that a guided step is one forward and nothing is heard of a negative prompt. The
text is heard twice: word by word from a language model, whose instruction is cut off, and as a whole from CLIP.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from diffusers import HunyuanVideoPipeline

from app.engine.denoiser import TOKENS, EncodePrompts, TextEmbedding
from app.engine.families.base import BaseFamily, compressed, stacked, timesteps
from app.engine.families.family import Row
from app.engine.families.loading.pipelines import PipelineReader, bent
from app.engine.families.loading.reader import Files
from app.engine.families.models import Pipeline
from app.engine.samplers.schedule import Schedule
from app.types import Plan, VideoSpec

MASK = "mask"  # (T,): 1 where the text is, 0 where it is padding
POOLED = "pooled"  # (D,): the text as a whole


class HunyuanVideo(BaseFamily):
    """The Family."""

    free_guidance = False

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        model = self._autoencoder
        temporal, spatial = int(model.temporal_compression_ratio), int(model.spatial_compression_ratio)
        grain = spatial * int(self._transformer.config.patch_size)
        return int(self._transformer.config.in_channels), *compressed(spec, temporal, spatial, grain)

    def schedule(self, plan: Plan) -> Schedule:
        return self._bend.bent(np.linspace(1.0, 0.0, plan.sampling.steps + 1)[:-1], plan.sampling.shift)

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        dtype = self._transformer.dtype
        wished = [row.state.plan.sampling.guidance for row in rows]
        guidance = None
        if self._transformer.config.guidance_embeds:
            guidance = torch.tensor(wished, dtype=dtype, device=self.device) * 1000.0
        answer: torch.Tensor = self._transformer(
            hidden_states=self.inputs(rows, dtype),
            timestep=timesteps(rows, self.device),
            encoder_hidden_states=stacked(rows, TOKENS, dtype),
            encoder_attention_mask=stacked(rows, MASK, dtype),
            pooled_projections=stacked(rows, POOLED, dtype),
            guidance=guidance,
            return_dict=False,
        )[0]
        return answer

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        model = self._autoencoder
        raw = latent[None].to(model.dtype) / model.config.scaling_factor
        video: torch.Tensor = model.decode(raw, return_dict=False)[0][0]
        return video


def text_encoder_of(pipeline: Pipeline, files: Files) -> EncodePrompts:
    """The pipeline's two encoders, with its own instruction around the prompt and cut off again."""

    def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
        each = zip(*pipeline.encode_prompt(list(prompts), device=files.device), strict=True)
        return [{TOKENS: tokens, POOLED: pooled, MASK: mask} for tokens, pooled, mask in each]

    return encode


READER = PipelineReader(__name__, lambda files: HunyuanVideoPipeline, text_encoder_of, bent(HunyuanVideo))
