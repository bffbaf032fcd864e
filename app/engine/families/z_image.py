"""Z-Image: ZImageTransformer2DModel and a picture autoencoder, equal to ZImagePipeline; a picture is a one-frame video.

The text-to-image family that is served: its weights may be used freely (Apache-2.0), its 6 billion parameters fit a
16 GB card in bfloat16 with the text encoder set aside, the turbo release needs 8 steps without guidance, and it takes
texts of any length side by side, so that its jobs share forwards as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from diffusers import ZImagePipeline

from app.engine.denoiser import TOKENS, EncodePrompts, TextEmbedding
from app.engine.families.base import BaseFamily, compressed, timesteps
from app.engine.families.family import Row
from app.engine.families.loading.pipelines import PipelineReader, bent
from app.engine.families.loading.reader import Files
from app.engine.families.models import Pipeline
from app.engine.samplers.schedule import TRAINED_STEPS, Schedule
from app.types import Plan, VideoSpec

PATCH = 2  # latent pixels a token is wide


class ZImage(BaseFamily):
    """The Family. Its pipeline counts guidance from 0: what is 1 here, and means none, is 0 there."""

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        spatial = 2 ** (len(self._autoencoder.config.block_out_channels) - 1)
        sides = compressed(VideoSpec(spec.width, spec.height, 1, 1), 1, spatial, PATCH * spatial)
        return int(self._transformer.in_channels), *sides

    def schedule(self, plan: Plan) -> Schedule:
        steps, (_, _, height, width) = plan.sampling.steps, self.latent_shape(plan.spec)
        tokens = (height // PATCH) * (width // PATCH)
        even = torch.linspace(1.0, 1 / steps, steps).numpy().astype(np.float64)
        return self._bend.bent(even, plan.sampling.shift, tokens)

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        dtype = self._transformer.dtype
        answers = self._transformer(
            list(self.inputs(rows, dtype).unbind(0)),  # each (C, 1, H', W')
            (TRAINED_STEPS - timesteps(rows, self.device)) / TRAINED_STEPS,
            [row.text[TOKENS].to(dtype) for row in rows],  # each (T, D), T its own
            return_dict=False,
        )[0]
        return -torch.stack(list(answers))

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        config, dtype = self._autoencoder.config, self._autoencoder.dtype
        raw = latent[None, :, 0].to(dtype) / config.scaling_factor + config.shift_factor
        picture: torch.Tensor = self._autoencoder.decode(raw, return_dict=False)[0][0]
        return picture[:, None]


def text_encoder_of(pipeline: Pipeline, files: Files) -> EncodePrompts:
    """The pipeline's language model: as many tokens as each prompt has, 512 at most."""

    def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
        each, _ = pipeline.encode_prompt(list(prompts), device=files.device, do_classifier_free_guidance=False)
        return [{TOKENS: tokens} for tokens in each]

    return encode


READER = PipelineReader(__name__, lambda files: ZImagePipeline, text_encoder_of, bent(ZImage))
