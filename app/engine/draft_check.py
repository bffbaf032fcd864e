"""A draft, noised again, and the model's own first guess at it come in; how far the two lie apart goes out."""

from __future__ import annotations

import torch

from app.engine import sampler
from app.engine.denoiser import JobState


@torch.inference_mode()
def residual(state: JobState, velocity: torch.Tensor, draft: torch.Tensor) -> float:
    """The mean squared distance of the clean latent that a prediction speaks of from the draft, over its variance.

    `state` holds the draft noised to its own level, `velocity` what the denoiser said of that, guided; `draft` is the
    clean latent (C, F', H', W'), as both are. 0: the model would make of it what it is; 1: anything else.
    """
    guess = sampler.clean(state, velocity).float()
    known = draft.to(guess)
    return float((guess - known).square().mean() / known.var().clamp(min=1e-12))
