"""A denoiser without a model, for tests and benchmarks: arithmetic on a small latent, and sleep for a device's work."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from app.engine import sampler
from app.engine.checkpoint import from_bytes
from app.engine.denoiser import TOKENS, Conditioning, DeviceLost, Frames, JobState, TextEmbedding
from app.engine.memory.state import held_bytes
from app.errors import DeviceOutOfMemory, GenerationError
from app.types import Plan
from app.types.waveform import Waveform

RATE = 16_000  # samples a second of what is heard

# Prompts with these words go wrong, in these ways.
RAISES = "fake:raise"
TURNS_NAN = "fake:nan"
DECODES_BADLY = "fake:decode"
LOSES_DEVICE = "fake:device"
RUNS_OUT = "fake:memory"


class FakeDenoiser:
    """Pulls noise towards a colour that the prompt's hash picks.

    `step_s`: how long each forward pretends to take; `further`: how much longer, as a share of that, for each job after
    the first; `holds`: how many jobs fit into one; `packs`: of any shapes.
    """

    hardware = "none: sleeps"  # step times kept under this name are never a device's

    def __init__(
        self,
        step_s: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
        holds: int | None = None,
        packs: bool = False,
        further: float = 0.0,
    ) -> None:
        self.forwards: list[tuple[str, ...]] = []  # the job ids of every forward
        self.packs = packs
        self._step_s = step_s
        self._further = further
        self._sleep = sleep
        self._holds = holds

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def encode(self, prompts: Sequence[str]) -> list[TextEmbedding]:
        """(1, 3) float32 in -1..1 for each prompt."""
        digests = [hashlib.sha256(prompt.encode()).digest()[:3] for prompt in prompts]
        return [{TOKENS: torch.tensor([[byte / 127.5 - 1 for byte in digest]])} for digest in digests]

    @torch.inference_mode()
    def start(self, job_id: str, plan: Plan, conditioning: Conditioning) -> JobState:
        spec = plan.spec
        generator = torch.Generator().manual_seed(plan.sampling.seed)
        noise = torch.randn((3, spec.frames, spec.height, spec.width), generator=generator)
        return sampler.begin(job_id, plan, conditioning, noise)

    def resume(self, plan: Plan, checkpoint: bytes) -> JobState:
        return from_bytes(checkpoint, plan)

    @torch.inference_mode()
    def predict(self, states: Sequence[JobState]) -> list[torch.Tensor]:
        self.forwards.append(tuple(state.job_id for state in states))
        velocities = self._asleep(states)
        if any(LOSES_DEVICE in state.plan.prompt for state in states):
            raise DeviceLost("The fake device is gone.")
        if any(RAISES in state.plan.prompt for state in states):
            raise RuntimeError("The fake denoiser was asked to fail.")
        if len(states) > (self._holds or len(states)) or any(RUNS_OUT in state.plan.prompt for state in states):
            raise DeviceOutOfMemory("The fake device is full.")
        return velocities

    def _asleep(self, states: Sequence[JobState]) -> list[torch.Tensor]:
        """The forward. What its own arithmetic takes of a real clock is part of a device's time, not beside it."""
        began = time.perf_counter()
        velocities = [self._velocity(state) for state in states]
        spent_s = time.perf_counter() - began if self._sleep is time.sleep else 0.0
        self._sleep(max(0.0, self._step_s * (1 + self._further * (len(states) - 1)) - spent_s))
        return velocities

    def _velocity(self, state: JobState) -> torch.Tensor:
        if TURNS_NAN in state.plan.prompt and state.step > 0:
            return torch.full_like(state.latent, torch.nan)
        return state.latent - self._colour(state)

    @staticmethod
    def _colour(state: JobState) -> torch.Tensor:
        asked, free = state.conditioning.prompt[TOKENS], state.conditioning.negative[TOKENS]
        return (free + state.plan.sampling.guidance * (asked - free)).mean(0).view(3, 1, 1, 1).clamp(-1, 1)

    @torch.inference_mode()
    def advance(self, state: JobState, prediction: torch.Tensor) -> None:
        sampler.advance(state, prediction)

    @torch.inference_mode()
    def preview(self, state: JobState) -> Frames:
        return self._frames(state)[:1]

    @torch.inference_mode()
    def decode(self, state: JobState) -> Frames:
        if DECODES_BADLY in state.plan.prompt:
            raise GenerationError("The fake decoder was asked to fail.")
        return self._frames(state)

    def decode_sound(self, state: JobState) -> Waveform:
        """A tone that the prompt's hash picks, as the colour is."""
        hertz = 440 * 2 ** float(state.conditioning.prompt[TOKENS][0, 0])
        at = np.arange(round(state.plan.spec.seconds * RATE)) / RATE
        return Waveform((0.5 * np.sin(2 * np.pi * hertz * at))[None].astype(np.float32), RATE)

    @staticmethod
    def _frames(state: JobState) -> Frames:
        pixels = ((state.latent.clamp(-1, 1) + 1) * 127.5).round()
        return pixels.permute(1, 2, 3, 0).numpy().astype(np.uint8)

    def memory_bytes(self) -> int:
        return held_bytes(torch.device("cpu"))
