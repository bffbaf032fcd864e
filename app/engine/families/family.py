"""A family says how its model is asked and read; all else that a denoiser does is the same for all, and stands here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine import sampler
from app.engine.checkpoint import from_bytes
from app.engine.denoiser import Conditioning, Frames, Heard, JobState
from app.engine.families.grouping import guided, in_company
from app.engine.families.loading.lora import Wardrobe
from app.engine.families.pixels import device_errors, rounded, unit
from app.engine.memory.state import held_bytes
from app.engine.samplers.schedule import Schedule
from app.engine.timing.hardware import hardware
from app.errors import InvalidRequest, UnsupportedParameter
from app.types import Plan, VideoSpec


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a forward: a job, and the text that it hears in this row."""

    state: JobState
    heard: Heard


class Family(Protocol):
    """What sets one model family apart. It runs under inference mode, on the engine's thread."""

    device: torch.device
    samplers: tuple[str, ...]  # ways down the noise that its predictions are right for
    free_guidance: bool  # guided by an unconditional pass; else guidance is an input of the model, or there is none

    def encode(self, prompts: Sequence[str]) -> list[Heard]:
        """What its text encoders make of each prompt."""
        ...

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        """A latent (C, F', H', W') float32 of noise, drawn as the standard pipeline draws it.

        Raises:
            InvalidRequest: the model cannot make this shape.
        """
        ...

    def walk(self, plan: Plan) -> Schedule | None:
        """Its own noise levels; None: the sampler's."""
        ...

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        """One forward: (B, C, F', H', W'), a row for each."""
        ...

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        """Pixels (3, F, H, W) in -1..1 of a clean latent, or of its first latent frame alone."""
        ...


class OfParts:
    """A family's parts, as all families hold them; without `device` it computes where the transformer's weights are."""

    def __init__(
        self,
        transformer: Any,
        autoencoder: Any,
        encode: Callable[[Sequence[str]], list[Heard]],
        device: torch.device | None = None,
    ) -> None:
        self._transformer = transformer.eval()
        self._autoencoder = autoencoder.eval()
        self.encode = encode
        self.device: torch.device = device or next(transformer.parameters()).device  # weights may rest elsewhere


class FamilyDenoiser:
    """The Denoiser protocol over a family. The family's pipeline in diffusers is the standard.

    The same embeddings, seed and steps give the frames of that pipeline with a generator on the CPU.
    """

    def __init__(self, family: Family, wardrobe: Wardrobe | None = None) -> None:
        self._family = family
        self._wardrobe = wardrobe

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._family.device

    @property
    def hardware(self) -> str:
        """What it computes on, in words."""
        return hardware(self._family.device)

    @torch.inference_mode()
    def encode(self, prompts: Sequence[str]) -> list[Heard]:
        with device_errors():
            told = self._family.encode(prompts)
            return [{name: tensor.float().cpu() for name, tensor in heard.items()} for heard in told]

    @torch.inference_mode()
    def start(self, job_id: str, plan: Plan, conditioning: Conditioning) -> JobState:
        """Noise drawn on the CPU, so that a seed means the same noise on every device.

        Raises:
            InvalidRequest: the model cannot make this shape, or has fewer steps.
            UnsupportedParameter: its predictions are not right for this sampler, or it is to have a step cache.
        """
        if plan.sampling.sampler not in self._family.samplers:
            raise UnsupportedParameter(f"This model is sampled by {', '.join(self._family.samplers)}.", "sampler")
        if plan.sampling.step_cache:
            raise UnsupportedParameter("This model has no step caches.", "step_cache")
        noise = self._family.noise(plan, torch.Generator().manual_seed(plan.sampling.seed))
        device = self._family.device
        with device_errors():
            heard = conditioning.to(device)
            return _grouped(sampler.begin(job_id, plan, heard, noise.to(device), self._family.walk(plan)))

    def resume(self, plan: Plan, checkpoint: bytes) -> JobState:
        with device_errors():
            return _grouped(from_bytes(checkpoint, plan, self._family.device))

    @torch.inference_mode()
    def predict(self, states: Sequence[JobState]) -> list[torch.Tensor]:
        return in_company(states, self._forward)

    def _forward(self, states: Sequence[JobState]) -> list[tuple[JobState, torch.Tensor]]:
        both = [state for state in states if self._family.free_guidance and state.unconditioned]
        rows = [Row(state, state.conditioning.prompt) for state in states]
        rows += [Row(state, state.conditioning.negative) for state in both]
        with device_errors():
            if self._wardrobe is not None:
                self._wardrobe.wear(states[0].plan.adapter)
            answers = self._family.predict(rows).float()
        if not self._family.free_guidance:
            return list(zip(states, answers, strict=True))
        return guided(states, both, answers)

    @torch.inference_mode()
    def advance(self, state: JobState, prediction: torch.Tensor) -> None:
        with device_errors():
            sampler.advance(state, prediction)

    @torch.inference_mode()
    def preview(self, state: JobState) -> Frames:
        """The clean estimate's first latent frame, of what it decodes to by itself the first frame."""
        clean = state.latent
        if state.history:
            clean = sampler.clean(state, state.history[-1].velocity)
        return rounded(self._pixels(clean[:, :1], state.plan)[:1])

    @torch.inference_mode()
    def decode(self, state: JobState) -> Frames:
        """The finished frames.

        Raises:
            NumericalError: the decoder answered with NaN.
        """
        return rounded(self.decode_float(state))

    @torch.inference_mode()
    def decode_float(self, state: JobState) -> NDArray[np.float32]:
        """The frames before they are rounded, float32 (F, H, W, 3) in 0..1: the pipeline's `output_type="np"`."""
        return self._pixels(state.latent, state.plan)

    def _pixels(self, latent: torch.Tensor, plan: Plan) -> NDArray[np.float32]:
        with device_errors():
            return unit(self._family.decode(latent, plan))

    def memory_bytes(self) -> int:
        return held_bytes(self._family.device)


def _grouped(state: JobState) -> JobState:
    """The job in the group of its adapter: those of a group share forwards."""
    if state.plan.adapter:
        state.groups = (state.plan.adapter,)
    return state


def compressed(spec: VideoSpec, temporal: int, spatial: int, grain: int) -> tuple[int, int, int]:
    """(F', H', W') of a video under an autoencoder that takes `temporal` frames and `spatial` pixels together.

    Raises:
        InvalidRequest: frames or sides do not divide; sides must be multiples of `grain`.
    """
    if (spec.frames - 1) % temporal:
        raise InvalidRequest(f"The number of frames has to be a multiple of {temporal}, plus 1.", "frames")
    if spec.height % grain or spec.width % grain:
        raise InvalidRequest(f"Width and height have to be multiples of {grain}.", "size")
    return (spec.frames - 1) // temporal + 1, spec.height // spatial, spec.width // spatial


def stacked(rows: Sequence[Row], name: str, dtype: torch.dtype) -> torch.Tensor:
    """What the rows hear under a name, (B, ...)."""
    return torch.stack([row.heard[name] for row in rows]).to(dtype)


def latents(rows: Sequence[Row], dtype: torch.dtype) -> torch.Tensor:
    """(B, C, F', H', W')."""
    return torch.stack([row.state.latent for row in rows]).to(dtype)


def timesteps(rows: Sequence[Row], device: torch.device) -> torch.Tensor:
    """(B,) float32, 0..1000: each row is at its own."""
    return torch.tensor([row.state.timestep for row in rows], dtype=torch.float32, device=device)
