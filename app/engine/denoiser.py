"""The one protocol behind which every model family stands; the loop knows nothing else of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine.modalities import VIDEO, Modality, apart
from app.engine.shown import Shown
from app.types import MustShow, Plan, VideoSpec
from app.types.waveform import Waveform

Frames = NDArray[np.uint8]  # (F, H, W, 3)

TextEmbedding: TypeAlias = dict[str, torch.Tensor]
"""What a family's text encoders make of one text: tensors by name, float32 on 1 or 2 axes, never written to.

`TOKENS` is always among them; others are the family's own, such as an attention mask or a pooled embedding.
"""

EncodePrompts: TypeAlias = Callable[[Sequence[str]], list[TextEmbedding]]
"""Prompts to what text encoders make of each."""

TOKENS = "tokens"
"""The text's embeddings, (T, D)."""


class DeviceLost(RuntimeError):
    """The device itself is unusable (not one job's doing): ends the engine."""


@dataclass(frozen=True, slots=True)
class Conditioning:
    """What the denoiser is asked with: what encoders made of the prompt, of the negative one, and of a picture."""

    prompt: TextEmbedding
    negative: TextEmbedding
    picture: Mapping[str, torch.Tensor] = field(default_factory=dict, kw_only=True)  # as `encode_image` names them

    def to(self, device: torch.device) -> Conditioning:
        """The same on a device."""
        prompt, negative, picture = (
            {name: tensor.to(device) for name, tensor in part.items()}
            for part in (self.prompt, self.negative, self.picture)
        )
        return Conditioning(prompt, negative, picture=picture)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the denoiser said at a noise level."""

    sigma: float
    velocity: torch.Tensor  # of the latent's shape, float32, guided


class _Work(NamedTuple):
    """Guided evaluations still to come before each step and behind the last, of a state with these masks."""

    plan: Plan
    mask: tuple[bool, ...]
    unconditional_mask: tuple[bool, ...]
    left: tuple[float, ...]

    def is_of(self, state: JobState) -> bool:
        """Whether it is still so: a job's masks and plan are replaced when it goes over to another walk."""
        same = self.mask is state.mask and self.unconditional_mask is state.unconditional_mask
        return same and self.plan is state.plan


@dataclass(slots=True)
class JobState:
    """Everything one job needs to take its next step; it belongs to the job, never to a batch.

    Its tensors are replaced, never written to: a copy of the record (`dataclasses.replace`) is a copy of the job. Where
    it has several `modalities`, its latent, and all that is of its shape, are theirs end to end: (N,).
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
    order: int = 1  # of a forecast: 0 reuses the last prediction, 1 draws a line through two, 2 leaps (see `LEAP`)
    history: list[Prediction] = field(default_factory=list)  # the denoiser's last predictions, the newest last
    difference: torch.Tensor | None = None  # (C, F', H', W') float32: the last conditional - unconditional velocity
    memory: tuple[torch.Tensor, ...] = ()  # the sampler's own, each (C, F', H', W') float32
    evaluations: int = 0
    cached: dict[int, Any] = field(default_factory=dict)  # its step cache's; not in checkpoints
    groups: tuple[str, ...] = ()  # per step, where they differ: jobs of one shape and group can share a forward
    guidances: tuple[float, ...] = ()  # per step, where they differ
    modalities: tuple[Modality, ...] = ()  # where several latents step together; else the latent is the video's
    made: torch.Tensor | None = None  # (C, F'', H', W') float32: what earlier stages of its plan have finished of it
    # Asked at each boundary, several times: counting the steps anew takes a third of the engine's own time.
    _work: _Work | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def done(self) -> bool:
        return self.step >= len(self.sigmas) - 1

    @property
    def first(self) -> int:
        """The step that it began at: the denoiser always runs there, and never before."""
        return self.mask.index(True) if True in self.mask else 0

    @property
    def begun_stage(self) -> int:
        """The step at which the stage of its plan began that it is in; 0 where that has none."""
        return self.plan.stage_at(self.step)[1]

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
        """Whether the next step has guidance; a guidance of 1 is none."""
        return self.guidance != 1

    @property
    def still(self) -> bool:
        """Whether the next step's velocity is 0, as CFG-Zero* begins: it is known without a pass."""
        return self.plan.still(self.step)

    @property
    def guidance(self) -> float:
        """How far the next step goes from the unconditional to the conditional velocity and beyond."""
        if not self.plan.guides(self.step):
            return 1.0
        return (
            self.guidances[min(self.step, len(self.guidances) - 1)] if self.guidances else self.plan.sampling.guidance
        )

    @property
    def unconditioned(self) -> bool:
        """Whether the next forward has to run the unconditional pass for this job."""
        return self.guided and (self.difference is None or self.unconditional_mask[self.step])

    @property
    def remaining(self) -> int:
        """Denoiser runs still to come."""
        return sum(self.mask[self.step :])

    @property
    def share(self) -> float:
        """What the next step takes of a guided evaluation: of its one or two passes, or of none."""
        return 0.0 if self.done else self.share_at(self.step)

    def share_at(self, step: int) -> float:
        """The same of any step, one before the last."""
        if not self.mask[step] or self.plan.still(step):
            return 0.0
        return 1.0 if self.unconditional_mask[step] else 0.5

    @property
    def work(self) -> float:
        """Guided evaluations of the whole walk."""
        return self._work_from(0)

    @property
    def work_left(self) -> float:
        """Those still to come."""
        return self._work_from(self.step)

    def _work_from(self, step: int) -> float:
        known = self._work
        if known is None or not known.is_of(self):
            shares = map(self.share_at, range(len(self.mask) - 1, -1, -1))
            left = (*accumulate(shares, initial=0.0),)[::-1]
            known = self._work = _Work(self.plan, self.mask, self.unconditional_mask, left)
        return known.left[min(step, len(self.mask))]

    @property
    def shape(self) -> tuple[int, ...]:
        """Jobs of one shape can share a forward, if they are of one group."""
        return (*self.latent.shape, *(side for each in self.modalities for side in each.shape))

    def part(self, name: str, whole: torch.Tensor | None = None) -> torch.Tensor:
        """A modality's stretch of the latent, or of `whole`, which is of its shape; a silent job has VIDEO alone."""
        vector = self.latent if whole is None else whole
        if not self.modalities and name == VIDEO:
            return vector
        return apart(vector, self.modalities)[name]

    @property
    def group(self) -> str:
        """What the next step needs of the model that others may not, such as one expert of two; often nothing."""
        return self.groups[min(self.step, len(self.groups) - 1)] if self.groups else ""


class Denoiser(Protocol):
    """One model family. All methods run on the engine's thread.

    What they raise ends the job that they were called for (`DeviceOutOfMemory`, `NumericalError`, anything else);
    `DeviceLost` ends the engine.
    """

    @property
    def hardware(self) -> str:
        """What it computes on, in words: step times measured on the same hold."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    def encode(self, prompts: Sequence[str]) -> list[TextEmbedding]:
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
        """ONE forward for jobs of one group, each at its own timestep; guided velocities of their latents' shape.

        They are of one shape, unless the denoiser `PacksShapes`.

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
        """Most memory that the device, or, on a CPU, the process has ever held."""
        ...


@runtime_checkable
class LooksAtDrafts(Protocol):
    """A denoiser that may know what its frames show."""

    def unseen(self, frames: Frames, shown: MustShow) -> float | None:
        """The share, 0..1, of what a video has to show that is not seen in its frames; None: it cannot say."""
        ...


@runtime_checkable
class PacksShapes(Protocol):
    """A denoiser that may be asked to step jobs of different shapes in one forward."""

    @property
    def packs(self) -> bool:
        """Whether it can, as it is laid out."""
        ...


@runtime_checkable
class MakesSound(Protocol):
    """A denoiser whose videos may have sound: a modality of the state, which steps with the picture."""

    def decode_sound(self, state: JobState) -> Waveform | None:
        """What is heard with the finished frames, about as long as they are; None: its model is silent."""
        ...


@runtime_checkable
class TakesAdapters(Protocol):
    """A denoiser whose jobs may bring LoRA adapters with them."""

    def offer_adapters(self, files: Mapping[str, Path]) -> None:
        """Say where their files are, by the names in plans; from any thread, before the job is submitted.

        Raises:
            AdapterUnusable: it takes none.
        """
        ...


@runtime_checkable
class TakesInputs(Protocol):
    """A denoiser that is shown pictures and videos in several roles."""

    def encode_inputs(self, inputs: Sequence[Shown], spec: VideoSpec) -> dict[str, torch.Tensor]:
        """All that a job is shown, together, as float32 tensors for `Conditioning.picture`.

        Raises:
            InvalidRequest: it takes no such inputs.
        """
        ...


@runtime_checkable
class TakesImage(Protocol):
    """A denoiser whose videos may begin with a picture."""

    @property
    def needs_image(self) -> bool:
        """Whether they have to."""
        ...

    def encode_image(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """A picture, uint8 (1, H, W, 3) of the video's size, as float32 tensors for `Conditioning.picture`."""
        ...
