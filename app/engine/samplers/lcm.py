"""A few-step model's steps along the flow: to the clean guess, and back to the next level with new noise.

Source: Luo et al., "Latent Consistency Models", arXiv 2310.04378, algorithm 3. DMD2 (Yin et al., arXiv 2405.14867)
samples so, too. The standard is diffusers' FlowMatchLCMScheduler, but for the noise, which seed and step decide.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from app.engine.denoiser import JobState
from app.engine.samplers.schedule import TRAINED_STEPS, Schedule


def schedule(steps: int, shift: float) -> Schedule:
    """Even levels from 1 on, shifted: those of steps that Self Forcing (arXiv 2506.08009) and its kin distil at."""
    even = np.linspace(1.0, 0.0, steps + 1)[:-1]
    return heard((shift * even / (1 + (shift - 1) * even)).tolist())


def heard(levels: Sequence[float]) -> Schedule:
    """The walk down exactly these levels. Their timesteps are whole numbers, as such models were distilled at."""
    exact = np.asarray(levels, np.float32)
    whole = np.rint(exact.astype(np.float64) * TRAINED_STEPS)
    return Schedule((*exact.tolist(), 0.0), tuple(whole.tolist()))


def step(state: JobState, velocity: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """The next latent (C, F', H', W') float32, and nothing to remember; the last step ends at the clean guess."""
    following = state.sigmas[state.step + 1]
    clean = state.latent - state.sigma * velocity
    if not following:
        return clean, ()
    return (1 - following) * clean + following * noise(state).to(clean), ()


def noise(state: JobState) -> torch.Tensor:
    """Of a step, on the CPU: the same wherever the job goes on."""
    generator = torch.Generator().manual_seed((state.plan.sampling.seed * 1_000_003 + state.step) % 2**63)
    return torch.randn(state.latent.shape, generator=generator)
