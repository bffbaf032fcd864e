"""Which steps run the denoiser, known before the first, and what stands in for it on the others."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from app.engine.denoiser import JobState, Prediction

LOOK_BACK = 2  # predictions that a forecast needs


def spread(steps: int, budget: int) -> tuple[bool, ...]:
    """A mask with `budget` of `steps` True, evenly spread; the first always, the last with a budget of 2 or more.

    Raises:
        ValueError: not 1 <= budget <= steps.
    """
    if not 1 <= budget <= steps:
        raise ValueError(f"A budget of {budget} does not fit {steps} steps.")
    gaps = max(1, budget - 1)
    chosen = {(2 * turn * (steps - 1) + gaps) // (2 * gaps) for turn in range(budget)}  # rounded, in whole numbers
    return tuple(step in chosen for step in range(steps))


def remember(state: JobState, velocity: torch.Tensor) -> None:
    """Note what the denoiser said at the state's noise level; older predictions than a forecast needs are dropped."""
    state.evaluations += 1
    state.history = [*state.history, Prediction(state.sigma, velocity)][-LOOK_BACK:]


@torch.inference_mode()
def forecast(history: Sequence[Prediction], sigma: float) -> torch.Tensor:
    """The velocity expected at `sigma`: the line through the last two predictions, or the last one again.

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
