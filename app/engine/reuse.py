"""What stands in for the denoiser on steps that its mask leaves out: earlier predictions, or a line through them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from app.engine.denoiser import JobState, Prediction
from app.types.masks import LINEAR


def remember(state: JobState, velocity: torch.Tensor) -> None:
    """Note what the denoiser said at the state's noise level; older predictions than a forecast needs are dropped."""
    state.evaluations += 1
    state.history = [*state.history, Prediction(state.sigma, velocity)][-look_back(state) :]


def look_back(state: JobState) -> int:
    """How many predictions the state's forecasts rest on."""
    return 2 if state.order == LINEAR else 1


@torch.inference_mode()
def forecast(history: Sequence[Prediction], sigma: float) -> torch.Tensor:
    """The velocity expected at `sigma`: the line through the last two predictions, or the only one again.

    Raises:
        ValueError: nothing has been predicted yet.
    """
    if not history:
        raise ValueError("The first step cannot be forecast.")
    last = history[-1]
    if len(history) == 1:
        return last.velocity
    before = history[-2]
    reach = (sigma - last.sigma) / (last.sigma - before.sigma)
    return last.velocity + reach * (last.velocity - before.velocity)


@torch.inference_mode()
def guide(state: JobState, conditional: torch.Tensor, unconditional: torch.Tensor | None) -> torch.Tensor:
    """The guided velocity from `conditional` and `unconditional`, each (C, F', H', W') float32.

    Without `unconditional`, the last difference between the two stands in, and the one that was computed last is kept
    for that: it changes slowly, while an old unconditional velocity would be that of a noisier latent (on the built-in
    model, 16 times the error). FasterCache (arXiv 2410.19355) found the same in video models. Without guidance there is
    none.

    Behind the interval of guidance no difference is kept: there is none to come.

    Raises:
        ValueError: no unconditional velocity has been computed yet.
    """
    if not state.guided:
        state.difference = None
        return conditional
    guidance, rule = state.guidance, state.plan.sampling.rule
    if unconditional is not None:
        if rule is not None and rule.zero_star:
            unconditional = likeness(conditional, unconditional) * unconditional
        state.difference = conditional - unconditional
        return unconditional + guidance * state.difference
    if state.difference is None:
        raise ValueError("No unconditional velocity has been computed yet.")
    return conditional + (guidance - 1) * state.difference


def likeness(conditional: torch.Tensor, unconditional: torch.Tensor) -> torch.Tensor:
    """The scale () that brings the unconditional velocity nearest to the conditional one: their dot product over its
    square. Source: Fan et al., CFG-Zero*, arXiv 2503.18886; the standard is diffusers' ClassifierFreeZeroStarGuidance.
    """
    return (conditional * unconditional).sum() / (unconditional.square().sum() + 1e-8)
