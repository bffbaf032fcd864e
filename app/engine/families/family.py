"""A family says how its model is asked and read; all else that a denoiser does is the same for all, and stands here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine import sampler
from app.engine.checkpoint import CheckpointInvalid, from_bytes
from app.engine.denoiser import Conditioning, Frames, JobState, LooksAtDrafts, TextEmbedding
from app.engine.families.adapters import AdapterSwitch, BroughtAdapters
from app.engine.families.grouping import forward_by_group, guided
from app.engine.families.pixels import device_errors, rounded, unit
from app.engine.memory.state import held_bytes
from app.engine.modalities import AUDIO, VIDEO, Modality
from app.engine.reuse import guide
from app.engine.samplers.schedule import Schedule
from app.engine.shown import Shown
from app.engine.timing.hardware import hardware
from app.errors import AdapterUnusable, InvalidRequest, NumericalError, UnsupportedParameter
from app.plan.stages import walk_of
from app.types import FIRST, STUDENT, MustShow, Plan, VideoSpec
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
    """How a family hears a prompt whose text encoder looks at the picture, too."""

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


class FamilyDenoiser:
    """The Denoiser protocol over a family. The family's pipeline in diffusers is the standard.

    The same embeddings, picture, seed and steps give the frames of that pipeline with a generator on the CPU.
    """

    def __init__(self, family: Family, brought: BroughtAdapters | None = None) -> None:
        self._family = family
        self._brought = brought

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._family.device

    @property
    def hardware(self) -> str:
        """What it computes on, in words."""
        return hardware(self._family.device)

    @property
    def needs_image(self) -> bool:
        """Whether it makes no video without a picture."""
        return self._family.image is not None and self._family.image.needed

    @property
    def packs(self) -> bool:
        """Whether one forward may be of several shapes."""
        return self._family.packing is not None

    def offer_adapters(self, files: Mapping[str, Path]) -> None:
        """Where the files of uploaded adapters are, by their marks. Raises AdapterUnusable: none can be brought."""
        if self._brought is None:
            raise AdapterUnusable("This replica takes no LoRAs that requests bring.")
        self._brought.offer(files)

    def _wear(self, plan: Plan) -> None:
        """Have a plan's adapters loaded. Raises AdapterUnusable."""
        if self._brought is not None and self._brought.ensure(name for name, _ in plan.adapters):
            for switch in self._family.adapters.values():
                switch.changed()

    @torch.inference_mode()
    def encode(self, prompts: Sequence[str]) -> list[TextEmbedding]:
        with device_errors():
            embeddings = self._family.encode(prompts)
            return [{name: tensor.float().cpu() for name, tensor in each.items()} for each in embeddings]

    @torch.inference_mode()
    def encode_image(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        """See `ImageConditioning.encode`.

        Raises:
            InvalidRequest: it takes no pictures.
        """
        if self._family.image is None:
            raise InvalidRequest("The model takes no pictures.", "input_reference", "image_not_taken")
        with device_errors():
            return self._family.image.encode(image, spec)

    @torch.inference_mode()
    def encode_inputs(self, inputs: Sequence[Shown], spec: VideoSpec) -> dict[str, torch.Tensor]:
        """See `InputConditioning.encode_inputs`.

        Raises:
            InvalidRequest: it takes no such inputs.
        """
        seeing = self._family.image
        if isinstance(seeing, InputConditioning):
            with device_errors():
                return seeing.encode_inputs(inputs, spec)
        if len(inputs) == 1 and inputs[0].role == FIRST:
            return self.encode_image(inputs[0].frames, spec)
        raise InvalidRequest("The model takes no such inputs.", "input_references", "reference_not_taken")

    @torch.inference_mode()
    def start(self, job_id: str, plan: Plan, conditioning: Conditioning) -> JobState:
        """Noise drawn on the CPU, so that a seed means the same noise on every device.

        Raises:
            InvalidRequest: the model cannot make this shape, has fewer steps, or lacks the picture that it needs.
            UnsupportedParameter: its predictions are not right for this sampler, or a step cache it cannot have.
        """
        self._check(plan, conditioning)
        with device_errors():
            self._wear(plan)
        generator = torch.Generator().manual_seed(plan.sampling.seed)
        if self._family.text_of_picture is not None:
            with device_errors():
                conditioning = self._family.text_of_picture.heard(plan, conditioning)
        first = walk_of(plan, 0)
        noise = self._family.begin(first, conditioning.picture, generator)
        device = self._family.device
        with device_errors():
            given = conditioning.to(device)
            schedule, modalities = self._schedule(plan), self._modalities(first)
            return self._grouped(sampler.begin(job_id, plan, given, noise.to(device), schedule, modalities))

    def _schedule(self, plan: Plan) -> Schedule | None:
        """The family's own levels, of all stages one behind another."""
        stages, asked = self._family.stages, plan.sampling
        if not plan.stages or stages is None:
            return self._family.schedule(plan)
        default = sampler.named(asked.sampler).schedule
        walks = [
            stages.stage_schedule(plan, place) or default(stage.steps, asked.shift)
            for place, stage in enumerate(plan.stages)
        ]
        sigmas = [sigma for walk in walks for sigma in walk.sigmas[:-1]]
        return Schedule((*sigmas, 0.0), tuple(each for walk in walks for each in walk.timesteps))

    def _modalities(self, plan: Plan) -> tuple[Modality, ...]:
        return () if self._family.sound is None else self._family.sound.modalities(plan)

    def _check(self, plan: Plan, conditioning: Conditioning) -> None:
        family = self._family
        self._check_student(plan)
        if plan.stages and family.stages is None:
            raise InvalidRequest("The model makes its videos in one walk.", "model")
        if plan.sampling.sampler not in family.samplers:
            raise UnsupportedParameter(f"This model is sampled by {', '.join(family.samplers)}.", "sampler")
        if plan.sampling.step_cache and family.step_caches is None:
            raise UnsupportedParameter("This model has no step caches.", "step_cache")
        if plan.sampling.step_cache and (family.experts is not None or plan.adapters or conditioning.picture):
            raise UnsupportedParameter("Step caches are for one transformer that hears text alone.", "step_cache")
        if self.needs_image and not conditioning.picture:
            raise InvalidRequest("The model needs a picture to begin with.", "input_reference", "image_required")

    def _check_student(self, plan: Plan) -> None:
        """Raises UnsupportedParameter: the plan is for a student that is not held here."""
        if plan.student is not None and plan.student.revision != self._family.student:
            raise UnsupportedParameter("This replica does not hold the distilled weights of the plan.", "tier")

    def resume(self, plan: Plan, checkpoint: bytes) -> JobState:
        self._check_student(plan)
        with device_errors():
            self._wear(plan)
            state = from_bytes(checkpoint, plan, self._family.device)
        here = walk_of(plan, plan.stage_at(state.step)[0])
        modalities = self._modalities(here)
        there = state.modalities if modalities else tuple(state.latent.shape)
        if there != (modalities or self._family.begun_shape(here)):  # by another denoiser under the same name
            raise CheckpointInvalid(f"The checkpoint's latent is {list(state.shape)}, no such model's.")
        return self._grouped(state)

    def _grouped(self, state: JobState) -> JobState:
        """The job with expert, adapters and guidance of each step; without guidance at first there is none later."""
        asked, experts = state.plan.sampling, self._family.experts
        steps = range(len(state.timesteps))
        of_stages = any(stage.adapter for stage in state.plan.stages)
        worn = [_worn(state.plan.adapters_at(step)) for step in (steps if of_stages else steps[:1])]
        if block := state.plan.sampling.causal_block:  # whose mask is one for a whole forward
            worn = [f"{each}|{block}" for each in worn]
        if state.plan.student is not None:
            state.groups = (STUDENT,)
            return state
        names = [experts.at(timestep) for timestep in state.timesteps] if experts else []
        if names or any(worn):
            length = max(len(names), len(worn))
            own = worn * length if len(worn) == 1 else worn
            state.groups = tuple(map(str.__add__, names or [""] * length, own))
        if of_stages:
            plain = [bool(state.plan.stages[state.plan.stage_at(step)[0]].adapter) for step in steps]
            state.guidances = tuple(1.0 if each else asked.guidance for each in plain)
        if LOW in names and asked.guidance_2 is not None and asked.guidance != 1:
            state.guidances = tuple(asked.guidance if name == HIGH else asked.guidance_2 for name in names)
        return state

    @torch.inference_mode()
    def predict(self, states: Sequence[JobState]) -> list[torch.Tensor]:
        """One forward for each group among the states, and one for each that shares none; guided in float32."""
        return forward_by_group(states, self._forward, self.packs)

    def _forward(self, states: Sequence[JobState]) -> list[tuple[JobState, torch.Tensor]]:
        """The velocities of states at this step: those that stand still are known, the others share a forward."""
        still = [(state, torch.zeros_like(state.latent)) for state in states if state.still]
        moving = [state for state in states if not state.still]
        return [*still, *(self._passes(moving) if moving else [])]

    def _passes(self, states: Sequence[JobState]) -> list[tuple[JobState, torch.Tensor]]:
        """The conditional passes of all states, then the unconditional ones of those that need theirs at this step.

        For one state alone this layout depends on its masks and nothing else: what makes a job deterministic.
        """
        family, first = self._family, states[0]
        with device_errors():
            self._wear(first.plan)
            if first.plan.student is None:  # in which no adapter acts
                expert = family.experts.at(first.timestep) if family.experts else ""
                family.adapters[expert].activate(first.plan.adapters_at(first.step))
            if family.step_caches is not None:
                if first.plan.sampling.step_cache:
                    return [(first, self._cached(family.step_caches, first))]
                family.step_caches.off()
            if family.guidance is not None:
                return family.guidance.velocities(states)
            both = [state for state in states if family.free_guidance and state.unconditioned]
            rows = [Row(state, state.conditioning.prompt) for state in states]
            rows += [Row(state, state.conditioning.negative) for state in both]
            answers = self._answers(rows)
        return guided(states, both, answers) if family.free_guidance else list(zip(states, answers, strict=True))

    def _answers(self, rows: Sequence[Row]) -> Sequence[torch.Tensor]:
        """What the transformer says of each row, (C, F', H', W') float32: packed, where they are of several shapes."""
        if self._family.packing is None or len({row.state.shape for row in rows}) == 1:
            return list(self._family.predict(rows).float())
        return [each.float() for each in self._family.packing.predict(rows)]

    def _cached(self, caches: StepCaching, state: JobState) -> torch.Tensor:
        """Each pass is a forward of its own, as a cache's decision is one for a whole forward."""
        texts = {"cond": state.conditioning.prompt}
        if state.guided and self._family.free_guidance:
            texts["uncond"] = state.conditioning.negative
        velocities = caches.forward(state, texts, self._family.predict)
        if not self._family.free_guidance:
            return velocities["cond"]
        return guide(state, velocities["cond"], velocities.get("uncond"))

    def unseen(self, frames: Frames, shown: MustShow) -> float | None:
        """The share, 0..1, of what a video has to show that is not seen in its frames; None: its family cannot say."""
        return self._family.unseen(frames, shown) if isinstance(self._family, LooksAtDrafts) else None

    @torch.inference_mode()
    def magnitudes(self, plan: Plan, conditioning: Conditioning) -> tuple[float, ...]:
        """What MagCache needs to know: by how much the blocks' change of the video grows from step to step.

        The plan has no guidance and no budget. Raises UnsupportedParameter for models without step caches.
        """
        if self._family.step_caches is None:
            raise UnsupportedParameter("This model has no step caches.", "step_cache")

        def run() -> None:
            state = self.start("measured", plan, conditioning)
            while not state.done:
                self.advance(state, self.predict([state])[0])

        return self._family.step_caches.measured(run, plan.sampling.steps)

    @torch.inference_mode()
    def advance(self, state: JobState, prediction: torch.Tensor) -> None:
        with device_errors():
            sampler.advance(state, prediction)
            if state.plan.stages and not state.done and state.begun_stage == state.step:
                self._turn(state)

    def _turn(self, state: JobState) -> None:
        """The next stage begins: of the walk before it only the latent was of use."""
        stages, plan = self._family.stages, state.plan
        if stages is None:
            raise ValueError("The family makes its videos in one walk.")
        stage = plan.stage_at(state.step)[0]
        state.latent = stages.turn(state, stage).to(state.latent)
        state.modalities = self._modalities(walk_of(plan, stage))
        state.history, state.memory, state.difference = [], (), None
        state.cached = {}

    @torch.inference_mode()
    def preview(self, state: JobState) -> Frames:
        """The first frame of the clean estimate: of its first latent frame, what that decodes to by itself."""
        clean = state.latent
        if state.history:
            clean = sampler.clean(state, state.history[-1].velocity)
        return rounded(self._pixels(state, clean, most=1)[:1])

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
        if state.plan.stages and self._family.stages is not None:
            return self._pixels(state, self._family.stages.whole(state))
        return self._pixels(state, state.latent)

    @torch.inference_mode()
    def decode_sound(self, state: JobState) -> Waveform | None:
        """What is heard with the frames; None: the family is silent.

        Raises:
            NumericalError: the decoder answered with NaN.
        """
        if self._family.sound is None:
            return None
        with device_errors():
            heard = self._family.sound.waveform(state.part(AUDIO))
        if not np.isfinite(heard.samples).all():
            raise NumericalError("The sound is not finite.")
        return heard

    def _pixels(self, state: JobState, latent: torch.Tensor, most: int | None = None) -> NDArray[np.float32]:
        """Of at most so many latent frames."""
        with device_errors():
            latent = state.part(VIDEO, latent)
            if self._family.image is not None:
                latent = self._family.image.final_latent(latent, state.conditioning.picture)
            return unit(self._family.decode(latent[:, :most], state.plan))

    @property
    def weight_bytes(self) -> int:
        """Of the denoiser's weights, as they rest."""
        return self._family.weight_bytes

    def memory_bytes(self) -> int:
        return held_bytes(self._family.device)


def _worn(adapters: Sequence[tuple[str, float]]) -> str:
    """Adapters as a part of a group's name."""
    return "".join(f"+{name}*{strength!r}" for name, strength in adapters)
