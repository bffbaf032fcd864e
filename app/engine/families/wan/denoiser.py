"""Wan 2.1 and 2.2 as a denoiser, equal to diffusers' pipelines: one expert or two, from text, or from a picture too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine import sampler
from app.engine.checkpoint import from_bytes
from app.engine.denoiser import TOKENS, Conditioning, Frames, Heard, JobState
from app.engine.families.grouping import guided, in_company
from app.engine.families.pixels import device_errors, rounded, unit
from app.engine.families.wan.expert import Expert
from app.engine.families.wan.image import Sight
from app.engine.families.wan.step_caches import StepCaches, measured_ratios
from app.engine.memory.state import held_bytes
from app.engine.reuse import guide
from app.engine.samplers.schedule import TRAINED_STEPS
from app.engine.timing.hardware import hardware
from app.errors import InvalidRequest, UnsupportedParameter
from app.types import Plan, VideoSpec

__all__ = ["Encode", "WanDenoiser", "device_errors", "rounded"]

Encode = Callable[[Sequence[str]], torch.Tensor]  # prompts to (B, T, D) float32
HIGH, LOW = "high", "low"  # noise: the experts of Wan 2.2


class WanDenoiser:
    """One Wan model on the device where its transformer is.

    `transformer` is a WanTransformer3DModel (or what answers like one: a velocity at a timestep in 0..1000);
    `autoencoder` is an AutoencoderKLWan or anything with its config and `decode`. `second` is the expert for timesteps
    below `boundary` (a share of 1000). `sight` is how it sees a picture to begin with, None where it cannot;
    `per_token` gives each token a timestep of its own. WanPipeline and WanImageToVideoPipeline are the standard: the
    same embeddings, picture, noise and steps give the same frames.
    """

    def __init__(
        self,
        transformer: Any,
        autoencoder: Any,
        encode: Encode,
        device: torch.device | None = None,
        mag_ratios: Sequence[float] = (),
        *,
        second: Any = None,
        boundary: float | None = None,
        sight: Sight | None = None,
        per_token: bool = False,
    ) -> None:
        self._transformer = transformer
        self._autoencoder = autoencoder.eval()
        self._encode = encode
        self._device: torch.device = device or next(transformer.parameters()).device  # weights may rest elsewhere
        self._sight = sight
        self._per_token = per_token
        self._boundary = None if second is None or boundary is None else boundary * TRAINED_STEPS
        self._experts = {HIGH: Expert(transformer), **({} if self._boundary is None else {LOW: Expert(second)})}
        self._step_caches = StepCaches(transformer, mag_ratios)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    @property
    def hardware(self) -> str:
        """What it computes on, in words."""
        return hardware(self._device)

    @property
    def needs_picture(self) -> bool:
        """Whether it makes no video without one."""
        return self._sight is not None and self._sight.needed

    @torch.inference_mode()
    def encode(self, prompts: Sequence[str]) -> list[Heard]:
        """One (T, D) float32 embedding per prompt, on the CPU."""
        with device_errors():
            return [{TOKENS: tokens} for tokens in self._encode(prompts).float().cpu()]

    @torch.inference_mode()
    def look(self, picture: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """See `Sight.look`.

        Raises:
            InvalidRequest: it takes no pictures.
        """
        if self._sight is None:
            raise InvalidRequest("The model takes no pictures.", "input_reference", "image_not_taken")
        with device_errors():
            return self._sight.look(picture, spec)

    @torch.inference_mode()
    def start(self, job_id: str, plan: Plan, conditioning: Conditioning) -> JobState:
        """Noise drawn on the CPU, so that a seed means the same noise on every device.

        Raises:
            InvalidRequest: the model cannot make this shape, or lacks the picture that it needs.
            UnsupportedParameter: a step cache that this job cannot have.
        """
        if plan.sampling.step_cache and (self._boundary is not None or plan.adapter or conditioning.picture):
            raise UnsupportedParameter("Step caches are for one transformer that hears text alone.", "step_cache")
        if self.needs_picture and not conditioning.picture:
            raise InvalidRequest("The model needs a picture to begin with.", "input_reference", "image_required")
        generator = torch.Generator().manual_seed(plan.sampling.seed)
        noise = torch.randn(self.latent_shape(plan.spec), generator=generator, dtype=torch.float32)
        with device_errors():
            return self._assigned(sampler.begin(job_id, plan, conditioning.to(self._device), noise.to(self._device)))

    @torch.inference_mode()
    def magnitudes(self, plan: Plan, conditioning: Conditioning) -> tuple[float, ...]:
        """What MagCache needs to know: by how much the blocks' change of the video grows from step to step.

        The plan has no guidance and no budget. Raises UnsupportedParameter for models of several transformers or ranks.
        """
        if self._boundary is not None:
            raise UnsupportedParameter("Step caches are for models of one transformer.", "step_cache")

        def walk() -> None:
            state = self.start("measured", plan, conditioning)
            while not state.done:
                with self._transformer.cache_context("cond"):
                    self.advance(state, self.predict([state])[0])

        self._step_caches.off()
        return measured_ratios(self._transformer, walk, plan.sampling.steps)

    def resume(self, plan: Plan, checkpoint: bytes) -> JobState:
        with device_errors():
            return self._assigned(from_bytes(checkpoint, plan, self._device))

    def _assigned(self, state: JobState) -> JobState:
        """The job with the expert, adapter and guidance of each step; without guidance at first there is none later."""
        asked, boundary = state.plan.sampling, self._boundary
        worn = f"+{state.plan.adapter}" if state.plan.adapter else ""
        names = [HIGH if boundary is None or timestep >= boundary else LOW for timestep in state.timesteps]
        if boundary is not None or worn:
            state.groups = tuple(name + worn for name in names)
        if LOW in names and asked.guidance_2 is not None and asked.guidance != 1:
            state.guidances = tuple(asked.guidance if name == HIGH else asked.guidance_2 for name in names)
        return state

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
        frames = (spec.frames - 1) // temporal + 1
        return int(scale.z_dim), frames, spec.height // spatial, spec.width // spatial

    @torch.inference_mode()
    def predict(self, states: Sequence[JobState]) -> list[torch.Tensor]:
        """One forward for each group among the states, and one for each that shares none; guided in float32."""
        return in_company(states, self._forward)

    def _forward(self, states: Sequence[JobState]) -> list[tuple[JobState, torch.Tensor]]:
        """The conditional passes of all states, then the unconditional ones of those that need theirs at this step.

        For one state alone this layout depends on its masks and nothing else: what makes a job deterministic.
        """
        if states[0].plan.sampling.step_cache:
            with device_errors():
                return [(states[0], guide(states[0], *self._step_caches.forward(states[0])))]
        self._step_caches.off()
        both = [state for state in states if state.unconditioned]
        rows = [*states, *both]
        hears = [state.conditioning.prompt[TOKENS] for state in states]
        hears += [state.conditioning.negative[TOKENS] for state in both]
        name, _, adapter = (states[0].group or HIGH).partition("+")
        with device_errors():
            velocities = self._experts[name].run(
                [self._shown(state) for state in rows],
                torch.stack([self._heard(state) for state in rows]),
                hears,
                [state.conditioning.picture["tokens"] for state in rows if "tokens" in state.conditioning.picture],
                adapter,
            )
        return guided(states, both, velocities)

    def _shown(self, state: JobState) -> torch.Tensor:
        """The latent as the transformer gets it, (C or more, F', H', W')."""
        return state.latent if self._sight is None else self._sight.shown(state.latent, state.conditioning.picture)

    def _heard(self, state: JobState) -> torch.Tensor:
        """The timestep: one number, or one for each token (N,), 0 for those of a picture that is there already."""
        timestep = torch.tensor(state.timestep, dtype=torch.float32, device=self._device)
        if not self._per_token:
            return timestep
        mask = torch.ones_like(state.latent[0, :, ::2, ::2])
        if state.conditioning.picture:
            mask[0] = 0
        return (mask * timestep).flatten()

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
        return rounded(self._pixels(self._finished(state, clean)[:, :1]))

    @torch.inference_mode()
    def decode(self, state: JobState) -> Frames:
        """The finished frames.

        Raises:
            NumericalError: the decoder answered with NaN.
        """
        return rounded(self.decode_float(state))

    @torch.inference_mode()
    def decode_float(self, state: JobState) -> NDArray[np.float32]:
        """The frames before they are rounded, float32 (F, H, W, 3) in 0..1: the pipelines' `output_type="np"`."""
        return self._pixels(self._finished(state, state.latent))

    def _finished(self, state: JobState, latent: torch.Tensor) -> torch.Tensor:
        return latent if self._sight is None else self._sight.finished(latent, state.conditioning.picture)

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
