"""A finished latent and a job at its seed's noise come in; the job at the level from which it goes on comes out."""

from __future__ import annotations

from dataclasses import replace

import torch

from app.engine import sampler
from app.engine.denoiser import JobState
from app.types import Plan


def from_noise(plan: Plan) -> Plan:
    """The same plan without a similar start."""
    return plan if plan.start is None else replace(plan, start=None)


def fits(state: JobState, latent: torch.Tensor) -> bool:
    """Whether a job can begin with this latent: its own shape, and finite numbers."""
    return latent.shape == state.latent.shape and bool(torch.isfinite(latent).all())


@torch.inference_mode()
def noised(state: JobState, latent: torch.Tensor) -> None:
    """Take a job that holds its seed's noise to its plan's first step: `latent` (C, F', H', W'), noised as far as that.

    On the straight path of flow matching a clean latent x is (1 - sigma) x + sigma noise at the level sigma; other
    samplers say it themselves. To begin with another picture is SDEdit's idea (Meng et al., arXiv 2108.01073), to take
    it from a cache by the prompts' similarity NIRVANA's (Agarwal et al., NSDI 2024).
    """
    state.step = state.first
    state.latent = sampler.noised(state, latent.to(state.latent))
