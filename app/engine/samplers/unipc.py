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
from app.types.masks import LEAP

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

    The memory is (corrected latent, clean guess, clean guess of the step before); at the first step it is empty. Where
    masks leap, it is that of the last evaluations, and a step between them only goes on from the last one: what comes
    out at the next evaluation, and at the end, is a walk whose schedule has the evaluated levels alone.
    """
    if state.order == LEAP and state.forecast:
        return _predicted(state, state.memory[0], state.memory[1:]), state.memory
    clean = state.latent - state.sigma * velocity
    latent, guesses = state.latent, state.memory[1:]
    if state.memory:
        latent = _corrected(state, clean)
    return _predicted(state, latent, (clean, *guesses)), (latent, clean, *guesses[: ORDER - 1])


def step_forcing(state: JobState, velocity: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """The same as SkyReels-V2's own code and diffusers' pipeline of it walk, whose latents are written to while UniPC
    remembers them: the second step is corrected from where the first one came out, not from where it began."""
    latent, memory = step(state, velocity)
    return latent, memory if state.memory else (latent, *memory[1:])


def order(step: int, steps: int, first: int = 0) -> int:
    """How many clean guesses the prediction at `step` rests on: fewer at both ends of a walk from step `first` on."""
    return min(ORDER, step - first + 1, steps - step)


def _predicted(state: JobState, latent: torch.Tensor, guesses: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """UniP: from the last point of the walk to step + 1."""
    clean, following = guesses[0], state.step + 1
    older, here = _points(state, following)
    stretch, pull, _ = _strides(state.sigmas[here], state.sigmas[following])
    ahead = stretch * latent - pull * clean
    if older is None or following == len(state.timesteps):  # as `order` says
        return ahead
    slope = (guesses[1] - clean) / _reach(state.sigmas, older, here, following)
    return ahead - pull * (0.5 * slope)


def _corrected(state: JobState, clean: torch.Tensor) -> torch.Tensor:
    """UniC: the step that led here, taken again now that the clean guess at its end is known."""
    latent, first, *earlier = state.memory
    older, before = _points(state, state.step)
    stretch, pull, minus_h = _strides(state.sigmas[before], state.sigma)
    ahead = stretch * latent - pull * first
    if older is None:
        return ahead - pull * (0.5 * (clean - first))
    reach = _reach(state.sigmas, older, before, state.step)
    old, new = _weights(minus_h, reach)
    return ahead - pull * (old * ((earlier[0] - first) / reach) + new * (clean - first))


def _points(state: JobState, step: int) -> tuple[int | None, int]:
    """The last two points of the walk before a step: its steps, or, where masks leap, those that were evaluated."""
    first = state.first
    if state.order == LEAP:
        places = [place for place in range(first, step) if state.mask[place]]
    else:
        places = list(range(max(first, step - 2), step))
    return (places[-2] if len(places) > 1 else None), places[-1]


def _strides(sigma: float, following: float) -> tuple[float, float, float]:
    """How a step stretches the latent, how it pulls at the clean guess, and its length -h in log signal to noise."""
    minus_h = _log_snr(sigma) - _log_snr(following)
    return following / sigma, (1 - following) * math.expm1(minus_h), minus_h


def _reach(sigmas: tuple[float, ...], older: int, here: int, following: int) -> float:
    """How far the point before `here` lies back, in lengths of the step to `following`: below 0."""
    now = _log_snr(sigmas[here])
    return (_log_snr(sigmas[older]) - now) / (_log_snr(sigmas[following]) - now)


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
