"""CogVideoX 1.0 and 1.5: CogVideoXTransformer3DModel and its autoencoder, equal to CogVideoXPipeline.

It predicts v, not a flow, and is sampled by DDIM. The 2B release counts places by sines, the others turn by rotary
angles, which are computed anew for a shape. 1.5 takes latent frames in pairs and drops what fills up the last one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import CogVideoXPipeline, CogVideoXTransformer3DModel

from app.engine.denoiser import TOKENS, EncodePrompts, TextEmbedding
from app.engine.families.base import BaseFamily, compressed, stacked, timesteps
from app.engine.families.diffusers_private import rotary_angles
from app.engine.families.family import Row
from app.engine.families.loading.pipelines import PipelineReader
from app.engine.families.loading.reader import Files
from app.engine.families.models import Parts, Pipeline
from app.types import Plan, VideoSpec

_SHIPPED = {
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "rescale_betas_zero_snr": True,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.0120,
    "set_alpha_to_one": True,
}


class CogVideoX(BaseFamily):
    """The Family. Raises ValueError for a plan whose shift is not that of the weights: the profile is wrong."""

    samplers: tuple[str, ...] = ("ddim",)

    def __init__(self, parts: Parts, shift: float, device: torch.device | None = None) -> None:
        super().__init__(parts, device=device)
        self._shift = shift  # of the signal to noise ratio: unlike a flow's it is trained, and cannot be chosen
        # The pipeline knows a shape's rotary angles; it is given nothing that it could run.
        self._angles = CogVideoXPipeline(None, None, self._autoencoder, self._transformer, None)

    def _sides(self, spec: VideoSpec) -> tuple[int, int, int]:
        model = self._autoencoder.config
        spatial = 2 ** (len(model.block_out_channels) - 1)
        grain = spatial * int(self._transformer.config.patch_size)
        return compressed(spec, int(model.temporal_compression_ratio), spatial, grain)

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        frames, height, width = self._sides(spec)
        frames += -frames % (self._transformer.config.patch_size_t or 1)
        return int(self._transformer.config.in_channels), frames, height, width

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        channels, *sides = self.latent_shape(plan.spec)
        drawn = torch.randn((sides[0], channels, *sides[1:]), generator=generator)  # frame by frame
        return drawn.transpose(0, 1).contiguous()

    def schedule(self, plan: Plan) -> None:
        if plan.sampling.shift != self._shift:
            raise ValueError(f"The model's shift is {self._shift:g}, its profile says {plan.sampling.shift:g}.")

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        config, dtype = self._transformer.config, self._transformer.dtype
        seen = self.inputs(rows, dtype).transpose(1, 2)  # (B, F', C, H', W')
        spec = rows[0].state.plan.spec
        turned = None
        if config.use_rotary_positional_embeddings:
            turned = rotary_angles(self._angles, spec.height, spec.width, seen.shape[1], self.device)
        answer: torch.Tensor = self._transformer(
            hidden_states=seen,
            encoder_hidden_states=stacked(rows, TOKENS, dtype),
            timestep=timesteps(rows, self.device),
            image_rotary_emb=turned,
            return_dict=False,
        )[0]
        return answer.transpose(1, 2)

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        model = self._autoencoder
        filled = max(0, latent.shape[1] - self._sides(plan.spec)[0])
        raw = latent[None, :, filled:].to(model.dtype) / model.config.scaling_factor
        video: torch.Tensor = model.decode(raw).sample[0]
        return video


def text_encoder_of(pipeline: Pipeline, files: Files) -> EncodePrompts:
    """The pipeline's T5, as many tokens as the transformer expects."""
    config = CogVideoXTransformer3DModel.load_config(
        files.source, subfolder="transformer", revision=files.revision, local_files_only=files.local
    )
    length = int(config["max_text_seq_length"])

    def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
        each, _ = pipeline.encode_prompt(
            list(prompts), do_classifier_free_guidance=False, max_sequence_length=length, device=files.device
        )
        return [{TOKENS: tokens} for tokens in each]

    return encode


def _family(parts: Parts, pipeline: Pipeline, files: Files) -> CogVideoX:
    config = pipeline.scheduler.config
    odd = [name for name, value in _SHIPPED.items() if config.get(name) != value]
    if odd:
        raise ValueError(f"The model's schedule is not supported: {', '.join(odd)}.")
    shift = float(config.snr_shift_scale)
    return CogVideoX(parts, shift, files.device)


READER = PipelineReader(__name__, lambda files: CogVideoXPipeline, text_encoder_of, _family)
