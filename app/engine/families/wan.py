"""Wan: diffusers' WanTransformer3DModel and a Wan-like autoencoder as a denoiser, equal to WanPipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine import sampler
from app.engine.checkpoint import from_bytes
from app.engine.denoiser import TOKENS, Conditioning, Frames, Heard, JobState
from app.engine.families.company import guided, in_company
from app.engine.families.few_tokens import TextMemory
from app.engine.families.pixels import device_errors, rounded, unit
from app.engine.hardware import hardware
from app.engine.memory import held_bytes
from app.errors import InvalidRequest
from app.types import Plan, VideoSpec

Encode = Callable[[Sequence[str]], torch.Tensor]  # prompts to (B, T, D) float32


class WanDenoiser:
    """One Wan model on the device where its transformer is.

    `transformer` is a WanTransformer3DModel (or what answers like one: a velocity at a timestep in 0..1000);
    `autoencoder` is an AutoencoderKLWan or anything with its config and `decode`. WanPipeline is the standard: the same
    embeddings, noise and steps give the same frames.
    """

    def __init__(self, transformer: Any, autoencoder: Any, encode: Encode) -> None:
        self._transformer = transformer.eval()
        self._autoencoder = autoencoder.eval()
        self._encode = encode
        self._device: torch.device = next(transformer.parameters()).device
        self._texts = TextMemory(transformer) if TextMemory.suits(transformer) else None

    @property
    def hardware(self) -> str:
        """What it computes on, in words."""
        return hardware(self._device)

    @torch.inference_mode()
    def encode(self, prompts: Sequence[str]) -> list[Heard]:
        """One (T, D) float32 embedding per prompt, on the CPU."""
        with device_errors():
            return [{TOKENS: tokens} for tokens in self._encode(prompts).float().cpu()]

    @torch.inference_mode()
    def start(self, job_id: str, plan: Plan, conditioning: Conditioning) -> JobState:
        """Noise drawn on the CPU, so that a seed means the same noise on every device.

        Raises:
            InvalidRequest: the model cannot make this shape.
        """
        generator = torch.Generator().manual_seed(plan.sampling.seed)
        noise = torch.randn(self.latent_shape(plan.spec), generator=generator, dtype=torch.float32)
        with device_errors():
            return sampler.begin(job_id, plan, conditioning.to(self._device), noise.to(self._device))

    def resume(self, plan: Plan, checkpoint: bytes) -> JobState:
        with device_errors():
            return from_bytes(checkpoint, plan, self._device)

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        """(C, F', H', W') of a video.

        Raises:
            InvalidRequest: its size or number of frames does not divide into latents and patches.
        """
        scale, patch = self._autoencoder.config, self._transformer.config.patch_size
        temporal, spatial = scale.scale_factor_temporal, scale.scale_factor_spatial
        if (spec.frames - 1) % temporal:
            raise InvalidRequest(f"The number of frames has to be a multiple of {temporal}, plus 1.", "frames")
        if spec.height % (spatial * patch[1]) or spec.width % (spatial * patch[2]):
            raise InvalidRequest(
                f"Width and height have to be multiples of {spatial * patch[2]} and {spatial * patch[1]}.", "size"
            )
        channels = int(self._transformer.config.in_channels)
        return channels, (spec.frames - 1) // temporal + 1, spec.height // spatial, spec.width // spatial

    @torch.inference_mode()
    def predict(self, states: Sequence[JobState]) -> list[torch.Tensor]:
        """One forward for all states but the deterministic ones, which get one each; guidance is applied in float32."""
        return in_company(states, self._forward)

    def _forward(self, states: Sequence[JobState]) -> list[tuple[JobState, torch.Tensor]]:
        """The conditional passes of all states, then the unconditional ones of those that need theirs at this step.

        For one state alone this layout depends on its masks and nothing else: what makes a job deterministic.
        """
        both = [state for state in states if state.unconditioned]
        rows = [*states, *both]
        hears = [state.conditioning.prompt[TOKENS] for state in states]
        hears += [state.conditioning.negative[TOKENS] for state in both]
        dtype = self._transformer.dtype
        with device_errors(), self._hearing(hears) as text:
            velocities = self._transformer(
                hidden_states=torch.stack([state.latent for state in rows]).to(dtype),  # (B, C, F', H', W')
                timestep=torch.tensor([state.timestep for state in rows], dtype=torch.float32, device=self._device),
                encoder_hidden_states=text,  # (B, T, D)
                return_dict=False,
            )[0].float()
        return guided(states, both, velocities)

    def _hearing(self, texts: Sequence[torch.Tensor]) -> AbstractContextManager[torch.Tensor]:
        """The batch's text, (B, T, D), for one forward."""
        dtype: torch.dtype = self._transformer.dtype
        if self._texts is None:
            return nullcontext(torch.stack(list(texts)).to(dtype))
        return self._texts.hearing(texts, dtype)

    @torch.inference_mode()
    def advance(self, state: JobState, prediction: torch.Tensor) -> None:
        with device_errors():
            sampler.advance(state, prediction)

    @torch.inference_mode()
    def preview(self, state: JobState) -> Frames:
        """The first frame of the clean estimate: one latent frame decodes by itself, the autoencoder being causal."""
        clean = state.latent
        if state.history:
            clean = clean - state.sigma * state.history[-1].velocity
        return rounded(self._pixels(clean[:, :1]))

    @torch.inference_mode()
    def decode(self, state: JobState) -> Frames:
        """The finished frames.

        Raises:
            NumericalError: the decoder answered with NaN.
        """
        return rounded(self.decode_float(state))

    @torch.inference_mode()
    def decode_float(self, state: JobState) -> NDArray[np.float32]:
        """The frames before they are rounded, float32 (F, H, W, 3) in 0..1: WanPipeline's `output_type="np"`."""
        return self._pixels(state.latent)

    def _pixels(self, latent: torch.Tensor) -> NDArray[np.float32]:
        config, dtype = self._autoencoder.config, self._autoencoder.dtype
        with device_errors():
            mean = torch.tensor(config.latents_mean).view(1, config.z_dim, 1, 1, 1).to(self._device, dtype)
            scale = 1.0 / torch.tensor(config.latents_std).view(1, config.z_dim, 1, 1, 1).to(self._device, dtype)
            raw = latent[None].to(dtype) / scale + mean
            video = self._autoencoder.decode(raw, return_dict=False)[0][0]  # (3, F, H, W) in -1..1
            return unit(video)

    def memory_bytes(self) -> int:
        return held_bytes(self._device)
