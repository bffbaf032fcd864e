"""Over a family: all that a denoiser does which is the same for every family, from prompts to frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from app.engine import sampler
from app.engine.checkpoint import CheckpointInvalid, from_bytes
from app.engine.denoiser import Conditioning, Frames, JobState, LooksAtDrafts, TextEmbedding
from app.engine.families.adapters import BroughtAdapters
from app.engine.families.family import HIGH, LOW, Family, InputConditioning, PutsBack, Row, StepCaching
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
            frames = unit(self._family.decode(latent[:, :most], state.plan))
            if isinstance(self._family.image, PutsBack) and state.conditioning.picture:
                frames = self._family.image.as_given(frames, state.conditioning.picture)
            return frames

    @property
    def weight_bytes(self) -> int:
        """Of the denoiser's weights, as they rest."""
        return self._family.weight_bytes

    def memory_bytes(self) -> int:
        return held_bytes(self._family.device)


def _worn(adapters: Sequence[tuple[str, float]]) -> str:
    """Adapters as a part of a group's name."""
    return "".join(f"+{name}*{strength!r}" for name, strength in adapters)
