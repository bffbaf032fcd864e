"""What a family of models is: how it is asked and read; optional parts are protocols of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine.denoiser import Conditioning, Frames, JobState, TextEmbedding
from app.engine.families.adapters import AdapterSwitch
from app.engine.modalities import Modality
from app.engine.samplers.schedule import Schedule
from app.engine.shown import Shown
from app.types import Plan, VideoSpec
from app.types.waveform import Waveform

HIGH, LOW = "high", "low"  # noise: the names of two experts


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a forward: a job, and the text of this row, its prompt or its negative prompt."""

    state: JobState
    text: TextEmbedding


@dataclass(frozen=True, slots=True)
class Experts:
    """Two transformers take turns: one at timesteps (0..1000) from `boundary` on, one below."""

    boundary: float

    def at(self, timestep: float) -> str:
        """The expert's name."""
        return HIGH if timestep >= self.boundary else LOW


class ImageConditioning(Protocol):
    """How a family sees the picture that a video begins with."""

    @property
    def needed(self) -> bool:
        """Whether there is no video without a picture."""
        ...

    def encode(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """A picture, uint8 (1, H, W, 3) of the video's size, as float32 tensors on the CPU, on 1 to 4 axes."""
        ...

    def model_input(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """What the transformer gets of a latent (C, F', H', W'): (C or more, F', H', W')."""
        ...

    def final_latent(self, latent: torch.Tensor, image: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """What is decoded, (C, F', H', W')."""
        ...


@runtime_checkable
class PutsBack(ImageConditioning, Protocol):
    """How a family sees a picture that it changes for the sake of a prompt (`SeenText`), to change it back later."""

    def as_given(self, frames: NDArray[np.float32], image: Mapping[str, torch.Tensor]) -> NDArray[np.float32]:
        """Decoded frames (F, H, W, 3) in 0..1, as if made from the picture that was given."""
        ...


@runtime_checkable
class InputConditioning(ImageConditioning, Protocol):
    """How a family sees pictures and videos in several roles."""

    def encode_inputs(self, inputs: Sequence[Shown], spec: VideoSpec) -> dict[str, torch.Tensor]:
        """All that a job is shown as float32 tensors on the CPU, on 1 to 4 axes; of any seed.

        Raises:
            InvalidRequest: it sees no such inputs, or not these together.
        """
        ...


class StepCaching(Protocol):
    """Caches inside a transformer, for one job at a time; `predict` makes one forward of the rows it is given."""

    def off(self) -> None:
        """The next forward is of jobs without a cache."""
        ...

    def forward(
        self, state: JobState, texts: Mapping[str, TextEmbedding], predict: Callable[[Sequence[Row]], torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """A velocity (C, F', H', W') float32 for each of the texts, by their names.

        Raises:
            UnsupportedParameter: a cache that this model cannot have.
        """
        ...

    def measured(self, run: Callable[[], object], steps: int) -> tuple[float, ...]:
        """What MagCache has to know, from a `run` of so many steps without guidance.

        Raises:
            UnsupportedParameter: the model cannot be measured.
        """
        ...


class Packing(Protocol):
    """One forward for videos of different shapes."""

    def predict(self, rows: Sequence[Row]) -> list[torch.Tensor]:
        """A velocity (C, F', H', W') for each row, all of one expert and the same adapters, equal to those alone."""
        ...


class SoundMaking(Protocol):
    """How a family makes sound: a modality of each job, beside the video's, that steps with it."""

    def modalities(self, plan: Plan) -> tuple[Modality, ...]:
        """A job's, the video's first. Raises InvalidRequest: the model cannot make this shape."""
        ...

    def waveform(self, latent: torch.Tensor) -> Waveform:
        """What is heard of a clean latent of the modality AUDIO."""
        ...


class OwnGuidance(Protocol):
    """Guidance by more than one unconditional pass."""

    def velocities(self, states: Sequence[JobState]) -> list[tuple[JobState, torch.Tensor]]:
        """Guided velocities, float32, of jobs of one shape and group; what stands in for passes stays in the states."""
        ...


class SeenText(Protocol):
    """How a family hears a prompt whose text encoder looks at the picture, too, or sees a picture by its prompt."""

    def heard(self, plan: Plan, conditioning: Conditioning) -> Conditioning:
        """What a job is asked with, its prompt heard beside its picture; on the CPU."""
        ...


class StageMaking(Protocol):
    """How a family makes one video in several walks. It is asked of each as of a plan of its own; see `walk_of`."""

    def stage_schedule(self, plan: Plan, stage: int) -> Schedule | None:
        """A stage's own noise levels; None: the sampler's."""
        ...

    def turn(self, state: JobState, stage: int) -> torch.Tensor:
        """The latent that a stage begins with, noise in it, for a job that is at the end of the one before.

        What has been finished of the video may stay in the state's `made`. Raises as `noise`.
        """
        ...

    def whole(self, state: JobState) -> torch.Tensor:
        """The latent of the whole video, of the state's last stage and what is made."""
        ...


class Family(Protocol):
    """What sets one model family apart. It runs under inference mode, on the engine's thread."""

    device: torch.device
    samplers: tuple[str, ...]  # ways down the noise that its predictions are right for
    free_guidance: bool  # guided by an unconditional pass; else guidance is an input of the model, or there is none

    # What a family may have beside; None where it has not.
    adapters: Mapping[str, AdapterSwitch]  # by the expert's name, "" where there is one transformer
    experts: Experts | None
    image: ImageConditioning | None
    step_caches: StepCaching | None
    packing: Packing | None
    sound: SoundMaking | None
    guidance: OwnGuidance | None
    stages: StageMaking | None
    text_of_picture: SeenText | None
    student: str  # revision of the distilled weights that it holds beside its own, "" without

    @property
    def weight_bytes(self) -> int:
        """Of the denoiser's weights, as they rest."""
        ...

    def encode(self, prompts: Sequence[str]) -> list[TextEmbedding]:
        """What its text encoders make of each prompt."""
        ...

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        """(C, F', H', W') of a video. Raises InvalidRequest: the model cannot make this shape."""
        ...

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        """A latent (C, F', H', W') float32 of noise, or (N,) of several modalities, drawn as the pipeline draws it.

        Raises:
            InvalidRequest: the model cannot make this shape.
        """
        ...

    def begin(self, plan: Plan, picture: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        """The latent (C, F', H', W') float32 before the first step: noise, and what is given of the video at first.

        Raises as `noise`.
        """
        ...

    def begun_shape(self, plan: Plan) -> tuple[int, int, int, int]:
        """(C, F', H', W') of what `begin` gives: the video, and inputs that step with it. Raises InvalidRequest."""
        ...

    def schedule(self, plan: Plan) -> Schedule | None:
        """Its own noise levels; None: the sampler's."""
        ...

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        """One forward: (B, *latent's shape), a row for each, all of one expert, the same adapters and one shape."""
        ...

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        """Pixels (3, F, H, W) in -1..1 of a clean latent, or of its first latent frame alone."""
        ...
