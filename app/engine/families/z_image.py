"""Z-Image: ZImageTransformer2DModel and a picture autoencoder, equal to ZImagePipeline; a picture is a one-frame video.

The text-to-image family that is served: its weights may be used freely (Apache-2.0), its 6 billion parameters fit a
16 GB card in bfloat16 with the text encoder set aside, the turbo release needs 8 steps without guidance, and it takes
texts of any length side by side, so that its jobs share forwards as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from diffusers import ZImagePipeline

from app.engine.denoiser import TOKENS, Heard
from app.engine.families.family import OfParts, Row, compressed, latents, timesteps
from app.engine.families.loading.placement import Parts
from app.engine.families.loading.reader import Files, Listen, Reader
from app.engine.samplers.levels import Bend
from app.engine.samplers.schedule import TRAINED_STEPS, Schedule
from app.types import Plan, VideoSpec

PATCH = 2  # latent pixels a token is wide


class ZImage(OfParts):
    """The Family. Its pipeline counts guidance from 0: what is 1 here, and means none, is 0 there."""

    samplers: tuple[str, ...] = ("euler",)
    free_guidance = True

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
        self._spatial = 2 ** (len(autoencoder.config.block_out_channels) - 1)

    def _latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        sides = compressed(VideoSpec(spec.width, spec.height, 1, 1), 1, self._spatial, PATCH * self._spatial)
        return int(self._transformer.in_channels), *sides

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        return torch.randn(self._latent_shape(plan.spec), generator=generator)

    def walk(self, plan: Plan) -> Schedule:
        steps, (_, _, height, width) = plan.sampling.steps, self._latent_shape(plan.spec)
        tokens = (height // PATCH) * (width // PATCH)
        even = torch.linspace(1.0, 1 / steps, steps).numpy().astype(np.float64)
        return self._bend.bent(even, plan.sampling.shift, tokens)

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        dtype = self._transformer.dtype
        answers = self._transformer(
            list(latents(rows, dtype).unbind(0)),  # each (C, 1, H', W')
            (TRAINED_STEPS - timesteps(rows, self.device)) / TRAINED_STEPS,
            [row.heard[TOKENS].to(dtype) for row in rows],  # each (T, D), T its own
            return_dict=False,
        )[0]
        return -torch.stack(list(answers))

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        config, dtype = self._autoencoder.config, self._autoencoder.dtype
        raw = latent[None, :, 0].to(dtype) / config.scaling_factor + config.shift_factor
        picture: torch.Tensor = self._autoencoder.decode(raw, return_dict=False)[0][0]
        return picture[:, None]


def heard_by(pipeline: Any, files: Files) -> Listen:
    """The pipeline's language model: as many tokens as each prompt has, 512 at most."""

    def encode(prompts: Sequence[str]) -> list[Heard]:
        told, _ = pipeline.encode_prompt(list(prompts), device=files.device, do_classifier_free_guidance=False)
        return [{TOKENS: tokens} for tokens in told]

    return encode


def _family(parts: Parts, pipeline: Any, files: Files) -> ZImage:
    bend = Bend.of(pipeline.scheduler.config)
    return ZImage(parts.transformer, parts.autoencoder, parts.encode, bend, device=files.device)


READER = Reader(lambda files: ZImagePipeline, heard_by, _family)
