"""Plans come in, frames go out, without a service: for calibrating and measuring, stepped as the engine steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from app.engine.denoiser import Conditioning, Denoiser, Frames, JobState
from app.engine.renoise import noised
from app.engine.reuse import forecast, remember
from app.types import Plan

BATCH = 8


def made(denoiser: Denoiser, plans: Sequence[Plan], batch: int = BATCH) -> list[Frames]:
    """Frames, uint8 (F, H, W, 3), of plans of one shape that walk by the same mask, `batch` in each forward."""
    return [denoiser.decode(state) for state in walked(denoiser, plans, batch=batch)]


def walked(
    denoiser: Denoiser, plans: Sequence[Plan], latents: Sequence[torch.Tensor] | None = None, batch: int = BATCH
) -> list[JobState]:
    """The same plans' states at their ends; `latents` are of the videos that they begin with, where they do."""
    ends: list[JobState] = []
    for first in range(0, len(plans), batch):
        part = slice(first, first + batch)
        states = begin(denoiser, plans[part], None if latents is None else latents[part])
        finish(denoiser, states)
        ends += states
    return ends


def begin(denoiser: Denoiser, plans: Sequence[Plan], latents: Sequence[torch.Tensor] | None = None) -> list[JobState]:
    """The plans' states before their first steps, each called by its place; `latents` as for `walked`."""
    states = []
    for number, plan in enumerate(plans):
        heard = Conditioning(*denoiser.encode([plan.prompt, plan.negative_prompt]))
        states.append(denoiser.start(str(number), plan, heard))
        if latents is not None:
            noised(states[-1], latents[number])
    return states


def finish(
    denoiser: Denoiser,
    states: Sequence[JobState],
    heed: Callable[[JobState, torch.Tensor], object] = lambda state, velocity: None,
) -> None:
    """Walk states of one shape and mask to their ends, in one forward each step; `heed` hears each prediction."""
    while not states[0].done:
        if states[0].forecast:
            for state in states:
                denoiser.advance(state, forecast(state.history, state.sigma))
            continue
        for state, velocity in zip(states, denoiser.predict(states), strict=True):
            heed(state, velocity)
            remember(state, velocity)
            denoiser.advance(state, velocity)
