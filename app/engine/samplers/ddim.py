"""DDIM's steps for a model that predicts v, as CogVideoX ships it: no flow, but noise that never quite takes over.

Source: Song et al., "Denoising Diffusion Implicit Models", arXiv 2010.02502; v from Salimans and Ho, arXiv 2202.00512;
the schedule without signal at its end from Lin et al., arXiv 2305.08891. The standard is diffusers'
CogVideoXDDIMScheduler with v_prediction, trailing timesteps and rescale_betas_zero_snr, as all CogVideoX releases have.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from app.engine.denoiser import JobState
from app.engine.samplers.schedule import TRAINED_STEPS, Schedule

_FIRST, _LAST = 0.00085, 0.0120  # variances of the training's steps, of which the roots rise evenly


def schedule(steps: int, shift: float) -> Schedule:
    """Trailing timesteps, whole numbers, and the noise's share of the latent at each; `shift` is the SNR's."""
    even = np.round(np.arange(TRAINED_STEPS, 0, -TRAINED_STEPS / steps)).astype(np.int64) - 1
    noise = [(1.0 - signal(int(time), shift)) ** 0.5 for time in even[:steps]]
    return Schedule((*np.array(noise, np.float32).tolist(), 0.0), tuple(float(time) for time in even[:steps]))


def step(state: JobState, v: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """The next latent (C, F', H', W') float32, and no memory."""
    here, ahead = _signals(state)
    stretch = ((1 - ahead) / (1 - here)) ** 0.5
    return stretch * state.latent + (ahead**0.5 - here**0.5 * stretch) * clean(state, v), ()


def mixed(sigma: float, latent: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """A clean latent with the noise's share of that level; the variances of both add up to one."""
    return float((1 - sigma**2) ** 0.5) * latent + sigma * noise


def clean(state: JobState, v: torch.Tensor) -> torch.Tensor:
    """The clean latent that a prediction of v speaks of."""
    here = signal(int(state.timestep), state.plan.sampling.shift)
    guess: torch.Tensor = here**0.5 * state.latent - (1 - here) ** 0.5 * v
    return guess


def _signals(state: JobState) -> tuple[float, float]:
    """The signal's share of the variance here, and at the end of the step.

    diffusers steps by a whole number of training steps, whatever the next timestep; so do we.
    """
    shift, now = state.plan.sampling.shift, int(state.timestep)
    following = now - TRAINED_STEPS // len(state.timesteps)
    return signal(now, shift), signal(following, shift) if following >= 0 else 1.0


def signal(time: int, shift: float) -> float:
    """The share of the variance that is signal at a timestep, 0..1."""
    return _signal(shift)[time]


@cache
def _signal(shift: float) -> tuple[float, ...]:
    variances = torch.linspace(_FIRST**0.5, _LAST**0.5, TRAINED_STEPS, dtype=torch.float64) ** 2
    kept = torch.cumprod(1 - variances, dim=0)
    kept = kept / (shift + (1 - shift) * kept)
    roots = kept.sqrt()
    first, last = roots[0].clone(), roots[-1].clone()
    values: list[float] = (((roots - last) * (first / (first - last))) ** 2).tolist()
    return tuple(values)
