"""The one protocol behind which every model family stands; the loop knows nothing else of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from app.types import Plan

Frames = NDArray[np.uint8]  # (F, H, W, 3)

Heard: TypeAlias = dict[str, torch.Tensor]
"""What a family's text encoders make of one text: tensors by name, float32 on 1 or 2 axes, never written to.

`TOKENS` is always among them; others are the family's own, such as an attention mask or a pooled embedding.
"""

TOKENS = "tokens"
"""The text's embeddings, (T, D)."""


class DeviceLost(RuntimeError):
    """The device itself is unusable (not one job's doing): ends the engine."""


@dataclass(frozen=True, slots=True)
class Conditioning:
    """What the denoiser hears of a prompt: what the encoders made of it, and of the negative prompt."""

    prompt: Heard
    negative: Heard

    def to(self, device: torch.device) -> Conditioning:
        """The same on a device."""
        texts = (self.prompt, self.negative)
        return Conditioning(*({name: tensor.to(device) for name, tensor in text.items()} for text in texts))


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the denoiser said at a noise level."""

    sigma: float
    velocity: torch.Tensor  # (C, F', H', W') float32, guided


@dataclass(slots=True)
class JobState:
    """Everything one job needs to take its next step; it belongs to the job, never to a batch.

    Its tensors are replaced, never written to: a copy of the record (`dataclasses.replace`) is a copy of the job.
    """

    job_id: str
    plan: Plan
    conditioning: Conditioning
    latent: torch.Tensor  # (C, F', H', W') float32
    sigmas: tuple[float, ...]  # steps + 1 float32 values, falling to 0
    timesteps: tuple[float, ...] = ()  # per step: what the denoiser hears of the sigma, 0..1000
    step: int = 0
    mask: tuple[bool, ...] = ()  # per step: run the denoiser (True) or forecast
    unconditional_mask: tuple[bool, ...] = ()  # per step: run the unconditional pass, too, or reuse the difference
    order: int = 1  # of a forecast: 0 reuses the last prediction, 1 draws a line through the last two
    history: list[Prediction] = field(default_factory=list)  # the denoiser's last predictions, the newest last
    difference: torch.Tensor | None = None  # (C, F', H', W') float32: the last conditional - unconditional velocity
    memory: tuple[torch.Tensor, ...] = ()  # the sampler's own, each (C, F', H', W') float32
    evaluations: int = 0

    @property
    def done(self) -> bool:
        return self.step >= len(self.sigmas) - 1

    @property
    def sigma(self) -> float:
        """Noise level before the next step."""
        return self.sigmas[self.step]

    @property
    def timestep(self) -> float:
        """What the denoiser hears of the noise level, 0..1000."""
        return self.timesteps[self.step]

    @property
    def forecast(self) -> bool:
        """Whether the next step does without the denoiser."""
        return not self.done and not self.mask[self.step]

    @property
    def guided(self) -> bool:
        """Whether the plan asks for guidance; a guidance of 1 is none."""
        return self.plan.sampling.guidance != 1

    @property
    def unconditioned(self) -> bool:
        """Whether the next forward has to run the unconditional pass for this job."""
        return self.guided and (self.difference is None or self.unconditional_mask[self.step])

    @property
    def remaining(self) -> int:
        """Denoiser runs still to come."""
        return sum(self.mask[self.step :])

    @property
    def shape(self) -> tuple[int, ...]:
        """Jobs of one shape can share a forward."""
        return tuple(self.latent.shape)


class Denoiser(Protocol):
    """One model family. All methods run on the engine's thread.

    What they raise ends the job that they were called for (`DeviceOutOfMemory`, `NumericalError`, anything else);
    `DeviceLost` ends the engine.
    """

    def encode(self, prompts: Sequence[str]) -> list[Heard]:
        """What the encoders make of each prompt, in host memory."""
        ...

    def start(self, job_id: str, plan: Plan, conditioning: Conditioning) -> JobState:
        """Noise from the plan's seed, the sigma schedule, step 0."""
        ...

    def resume(self, plan: Plan, checkpoint: bytes) -> JobState:
        """The state that a checkpoint holds, on this denoiser's device.

        Raises:
            CheckpointInvalid: it is no checkpoint of this plan by this version.
        """
        ...

    def predict(self, states: Sequence[JobState]) -> list[torch.Tensor]:
        """ONE forward for jobs of one shape, each at its own timestep; a guided velocity (C, F', H', W') per job.

        Jobs with `plan.sampling.deterministic` get a forward each, so that no other job can change their bits. Where
        the unconditional pass ran, its difference stays in the job's state for the steps that reuse it.
        """
        ...

    def advance(self, state: JobState, prediction: torch.Tensor) -> None:
        """This job's sampler, this job's state: one step on."""
        ...

    def preview(self, state: JobState) -> Frames:
        """A cheap look at the clean estimate: (1, h, w, 3)."""
        ...

    def decode(self, state: JobState) -> Frames:
        """The finished frames, uint8 (F, H, W, 3)."""
        ...

    def memory_bytes(self) -> int:
        """Most memory that the device has held, or, on a CPU, what the process holds now."""
        ...
