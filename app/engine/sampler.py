"""The noise schedule's arithmetic: from a plan to sigmas, from a prediction to the next latent, one job at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from app.engine.denoiser import Conditioning, JobState
from app.engine.reuse import spread
from app.errors import NumericalError, UnsupportedParameter
from app.types import Plan

TRAINED_STEPS = 1000  # timesteps are sigma times this


@dataclass(frozen=True, slots=True)
class Sampler:
    """A way down the noise: its schedule (steps, shift) and its step (state, velocity), which gives the next latent."""

    sigmas: Callable[[int, float], tuple[float, ...]]
    step: Callable[[JobState, torch.Tensor], torch.Tensor]


def shifted(steps: int, shift: float) -> tuple[float, ...]:
    """`steps` noise levels and a final 0, all float32 values: diffusers' FlowMatchEulerDiscreteScheduler(shift=shift).

    Its ends are those of the shifted 1000-step training schedule, and what lies between them is shifted once more.
    """
    ends = torch.tensor([TRAINED_STEPS, 1.0]) / TRAINED_STEPS  # float32, as diffusers computes them
    highest, lowest = (shift * ends / (1 + (shift - 1) * ends)).tolist()
    even = np.linspace(highest * TRAINED_STEPS, lowest * TRAINED_STEPS, steps) / TRAINED_STEPS
    levels = shift * even / (1 + (shift - 1) * even)
    return (*levels.astype(np.float32).tolist(), 0.0)


def euler(state: JobState, velocity: torch.Tensor) -> torch.Tensor:
    """One step along the velocity, in float32 as diffusers takes it."""
    stride = np.float32(state.sigmas[state.step + 1]) - np.float32(state.sigma)
    return state.latent + float(stride) * velocity


SAMPLERS: Mapping[str, Sampler] = {"euler": Sampler(shifted, euler)}


def named(name: str) -> Sampler:
    """The sampler of that name.

    Raises:
        UnsupportedParameter: there is none.
    """
    if name not in SAMPLERS:
        raise UnsupportedParameter(f"There is no sampler {name!r}; there is: {', '.join(SAMPLERS)}.", "sampler")
    return SAMPLERS[name]


def begin(job_id: str, plan: Plan, conditioning: Conditioning, noise: torch.Tensor) -> JobState:
    """A job at step 0: noise (C, F', H', W'), the plan's schedule and its budget mask."""
    asked = plan.sampling
    return JobState(
        job_id=job_id,
        plan=plan,
        conditioning=conditioning,
        latent=noise,
        sigmas=named(asked.sampler).sigmas(asked.steps, asked.shift),
        mask=spread(asked.steps, asked.budget),
    )


def advance(state: JobState, prediction: torch.Tensor) -> None:
    """One step on with a velocity (C, F', H', W'), evaluated or forecast.

    Raises:
        NumericalError: the next latent is not finite; the state is left as it was.
    """
    latent = named(state.plan.sampling.sampler).step(state, prediction)
    if not bool(torch.isfinite(latent).all()):
        raise NumericalError(f"The latent is not finite after step {state.step + 1}.")
    state.latent = latent
    state.step += 1
