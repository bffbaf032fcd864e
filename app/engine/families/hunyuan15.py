"""HunyuanVideo 1.5: HunyuanVideo15Transformer3DModel and its autoencoder, equal to HunyuanVideo15Pipeline.

Guided by an unconditional pass. The text is heard from a language model, and what stands in quotation marks a second
time letter by letter, for writing inside the picture. The model also takes a first picture; without one it sees zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from diffusers import HunyuanVideo15Pipeline

from app.engine.denoiser import TOKENS, EncodePrompts, TextEmbedding
from app.engine.families.base import EVEN, BaseFamily, compressed, stacked, timesteps
from app.engine.families.family import Row
from app.engine.families.loading.pipelines import PipelineReader, bent
from app.engine.families.loading.reader import Files
from app.engine.families.models import Parts, Pipeline
from app.engine.samplers.levels import Bend
from app.engine.samplers.schedule import Schedule
from app.types import Plan, VideoSpec

MASK = "mask"  # (T,): 1 where the text is, 0 where it is padding
LETTERS = "letters"  # (T', D')
LETTERS_MASK = "letters_mask"  # (T',)
PICTURE_TOKENS = 729  # that the model expects of a first picture


class HunyuanVideo15(BaseFamily):
    """The Family. `picture_tokens`: how many stand for the picture that is not there."""

    def __init__(
        self,
        parts: Parts,
        bend: Bend = EVEN,
        device: torch.device | None = None,
        picture_tokens: int = PICTURE_TOKENS,
    ) -> None:
        super().__init__(parts, bend, device)
        self._picture_tokens = picture_tokens

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        model = self._autoencoder
        temporal, spatial = int(model.temporal_compression_ratio), int(model.spatial_compression_ratio)
        grain = spatial * int(self._transformer.config.patch_size)
        return int(model.config.latent_channels), *compressed(spec, temporal, spatial, grain)

    def schedule(self, plan: Plan) -> Schedule:
        return self._bend.bent(np.linspace(1.0, 0.0, plan.sampling.steps + 1)[:-1], plan.sampling.shift)

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        dtype, width = self._transformer.dtype, int(self._transformer.config.image_embed_dim)
        seen = self.inputs(rows, dtype)
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


def text_encoder_of(pipeline: Pipeline, files: Files) -> EncodePrompts:
    """The pipeline's two encoders, with its own instruction before the prompt and cut off again."""

    def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
        by_name = pipeline.encode_prompt(list(prompts), device=files.device, batch_size=len(prompts))
        names = (TOKENS, MASK, LETTERS, LETTERS_MASK)
        return [dict(zip(names, each, strict=True)) for each in zip(*by_name, strict=True)]

    return encode


READER = PipelineReader(
    __name__,
    lambda files: HunyuanVideo15Pipeline,
    text_encoder_of,
    bent(HunyuanVideo15),
    not_for_text=("transformer",),  # the pipeline asks its autoencoder for a number even when there is none
)
