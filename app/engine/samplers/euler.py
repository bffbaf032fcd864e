"""Euler's steps along the flow: the next latent from the last one and its velocity, with nothing to remember."""

from __future__ import annotations

import numpy as np
import torch

from app.engine.denoiser import JobState
from app.engine.samplers.schedule import TRAINED_STEPS, Schedule


def schedule(steps: int, shift: float) -> Schedule:
    """The schedule of diffusers' FlowMatchEulerDiscreteScheduler(shift=shift), to the bit.

    Its ends are those of the shifted 1000-step training schedule, and what lies between them is shifted once more.
    """
    ends = torch.tensor([TRAINED_STEPS, 1.0]) / TRAINED_STEPS  # float32, as diffusers computes them
    highest, lowest = (shift * ends / (1 + (shift - 1) * ends)).tolist()
    even = np.linspace(highest * TRAINED_STEPS, lowest * TRAINED_STEPS, steps) / TRAINED_STEPS
    levels = (shift * even / (1 + (shift - 1) * even)).astype(np.float32)
    return Schedule((*levels.tolist(), 0.0), tuple((levels * np.float32(TRAINED_STEPS)).tolist()))


def step(state: JobState, velocity: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """The next latent (C, F', H', W'), one step along the velocity, in float32 as diffusers takes it; and no memory."""
    stride = np.float32(state.sigmas[state.step + 1]) - np.float32(state.sigma)
    return state.latent + float(stride) * velocity, ()
