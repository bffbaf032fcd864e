"""CogVideoX 1.0 and 1.5: CogVideoXTransformer3DModel and its autoencoder, equal to CogVideoXPipeline.

It predicts v, not a flow, and is sampled by DDIM. The 2B release counts places by sines, the others turn by rotary
angles, which are computed anew for a shape. 1.5 takes latent frames in pairs and drops what fills up the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers import CogVideoXPipeline

from app.engine.denoiser import TOKENS, Heard
from app.engine.families.family import FamilyDenoiser, Row, compressed, laid_out, latents, read, stacked, timesteps
from app.engine.presets import Placement
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


class CogVideoX:
    """The Family. Raises ValueError for a plan whose shift is not that of the weights: the profile is wrong."""

    samplers: tuple[str, ...] = ("ddim",)
    free_guidance = True

    def __init__(
        self,
        transformer: Any,
        autoencoder: Any,
        encode: Callable[[Sequence[str]], list[Heard]],
        shift: float,
        device: torch.device | None = None,
    ) -> None:
        self._transformer = transformer.eval()
        self._autoencoder = autoencoder.eval()
        self.encode = encode
        self._shift = shift  # of the signal to noise ratio: unlike a flow's it is trained, and cannot be chosen
        self.device: torch.device = device or next(transformer.parameters()).device  # weights may rest elsewhere
        # The pipeline knows a shape's rotary angles; it is given nothing that it could run.
        self._angles = CogVideoXPipeline(None, None, self._autoencoder, self._transformer, None)

    def _sides(self, spec: VideoSpec) -> tuple[int, int, int]:
        model = self._autoencoder.config
        spatial = 2 ** (len(model.block_out_channels) - 1)
        grain = spatial * int(self._transformer.config.patch_size)
        return compressed(spec, int(model.temporal_compression_ratio), spatial, grain)

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        frames, height, width = self._sides(plan.spec)
        frames += -frames % (self._transformer.config.patch_size_t or 1)
        drawn = torch.randn((frames, int(self._transformer.config.in_channels), height, width), generator=generator)
        return drawn.transpose(0, 1).contiguous()

    def walk(self, plan: Plan) -> None:
        if plan.sampling.shift != self._shift:
            raise ValueError(f"The model's shift is {self._shift:g}, its profile says {plan.sampling.shift:g}.")

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        config, dtype = self._transformer.config, self._transformer.dtype
        seen = latents(rows, dtype).transpose(1, 2)  # (B, F', C, H', W')
        spec = rows[0].state.plan.spec
        turned = None
        if config.use_rotary_positional_embeddings:
            turned = self._angles._prepare_rotary_positional_embeddings(
                spec.height, spec.width, seen.shape[1], self.device
            )
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


def heard_by(pipeline: Any, device: torch.device) -> Callable[[Sequence[str]], list[Heard]]:
    """The pipeline's T5, as many tokens as the transformer expects."""
    length = int(pipeline.transformer.config.max_text_seq_length)

    def encode(prompts: Sequence[str]) -> list[Heard]:
        told, _ = pipeline.encode_prompt(
            list(prompts), do_classifier_free_guidance=False, max_sequence_length=length, device=device
        )
        return [{TOKENS: tokens} for tokens in told]

    return encode


def load(
    source: str,
    *,
    revision: str | None,
    dtype: torch.dtype,
    device: torch.device,
    local: bool,
    placement: Placement | None = None,
) -> FamilyDenoiser:
    """CogVideoX from a folder in diffusers' format, or by its id. Raises OSError and ValueError."""
    pipeline = read(CogVideoXPipeline, source, revision=revision, dtype=dtype, local=local)
    odd = [name for name, value in _SHIPPED.items() if pipeline.scheduler.config.get(name) != value]
    if odd:
        raise ValueError(f"The model's schedule is not supported: {', '.join(odd)}.")
    shift = float(pipeline.scheduler.config.snr_shift_scale)
    parts = laid_out(pipeline, heard_by(pipeline, device), placement, device)
    return FamilyDenoiser(CogVideoX(parts.transformer, parts.autoencoder, parts.encode, shift, device=device))
