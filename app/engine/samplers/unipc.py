"""UniPC's steps along the flow, as Wan ships it: each step corrects the last one, then predicts, by two clean guesses.

Source: Zhao et al., "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models",
arXiv 2302.04867, in its B2(h) form of order 2 on the clean latent. The standard is diffusers' UniPCMultistepScheduler
with prediction_type="flow_prediction", use_flow_sigmas=True and everything else left as it is.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from app.engine.denoiser import JobState
from app.engine.samplers.schedule import TRAINED_STEPS, Schedule

ORDER = 2
_SHORT_OF_ONE = 1e-6  # the first level stays below 1, where the signal's logarithm would be infinite


def schedule(steps: int, shift: float) -> Schedule:
    """The schedule of diffusers' UniPCMultistepScheduler(use_flow_sigmas=True, flow_shift=shift), to the bit.

    The timesteps are whole numbers, cut off: diffusers gives its models no others here.
    """
    even = np.linspace(1, 1 / TRAINED_STEPS, steps + 1)[:-1]
    levels = shift * even / (1 + (shift - 1) * even)
    if abs(levels[0] - 1) < _SHORT_OF_ONE:
        levels[0] -= _SHORT_OF_ONE
    timesteps = (levels * TRAINED_STEPS).astype(np.int64).astype(np.float64)
    return Schedule((*levels.astype(np.float32).tolist(), 0.0), tuple(timesteps.tolist()))


def step(state: JobState, velocity: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """The next latent, and the memory that the step after it needs, all (C, F', H', W') float32.

    The memory is (corrected latent, clean guess, clean guess of the step before); at the first step it is empty.
    """
    clean = state.latent - state.sigma * velocity
    latent, guesses = state.latent, state.memory[1:]
    if state.memory:
        latent = _corrected(state, clean)
    return _predicted(state, latent, (clean, *guesses)), (latent, clean, *guesses[: ORDER - 1])


def order(step: int, steps: int, first: int = 0) -> int:
    """How many clean guesses the prediction at `step` rests on: fewer at both ends of a walk from step `first` on."""
    return min(ORDER, step - first + 1, steps - step)


def _predicted(state: JobState, latent: torch.Tensor, guesses: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """UniP: from step to step + 1."""
    here, clean = state.step, guesses[0]
    stretch, pull, _ = _strides(state.sigmas[here], state.sigmas[here + 1])
    ahead = stretch * latent - pull * clean
    if order(here, len(state.timesteps), state.first) == 1:
        return ahead
    slope = (guesses[1] - clean) / _reach(state.sigmas, here)
    return ahead - pull * (0.5 * slope)


def _corrected(state: JobState, clean: torch.Tensor) -> torch.Tensor:
    """UniC: the step that led here, taken again now that the clean guess at its end is known."""
    before = state.step - 1
    latent, first, *older = state.memory
    stretch, pull, minus_h = _strides(state.sigmas[before], state.sigmas[before + 1])
    ahead = stretch * latent - pull * first
    if order(before, len(state.timesteps), state.first) == 1:
        return ahead - pull * (0.5 * (clean - first))
    reach = _reach(state.sigmas, before)
    old, new = _weights(minus_h, reach)
    return ahead - pull * (old * ((older[0] - first) / reach) + new * (clean - first))


def _strides(sigma: float, following: float) -> tuple[float, float, float]:
    """How a step stretches the latent, how it pulls at the clean guess, and its length -h in log signal to noise."""
    minus_h = _log_snr(sigma) - _log_snr(following)
    return following / sigma, (1 - following) * math.expm1(minus_h), minus_h


def _reach(sigmas: tuple[float, ...], here: int) -> float:
    """How far the step before `here` lies back, in lengths of the step after it: below 0."""
    now = _log_snr(sigmas[here])
    return (_log_snr(sigmas[here - 1]) - now) / (_log_snr(sigmas[here + 1]) - now)


def _weights(minus_h: float, reach: float) -> tuple[float, float]:
    """UniC's weights of order 2 (theorem 3.1 of the paper, B(h) = e^-h - 1) on the older and on the new difference."""
    whole = math.expm1(minus_h)
    phi = whole / minus_h - 1
    first, second = phi / whole, 2 * (phi / minus_h - 0.5) / whole
    old = (first - second) / (1 - reach)
    return old, first - old


def _log_snr(sigma: float) -> float:
    """log(signal / noise), infinite at the end of the walk."""
    return math.inf if sigma == 0 else math.log((1 - sigma) / sigma)
