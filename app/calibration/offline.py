"""Plans come in, frames go out, without a service: for calibrating and measuring, stepped as the engine steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from app.engine.denoiser import Conditioning, Denoiser, Frames, JobState
from app.engine.reuse import forecast, remember
from app.engine.start import noised
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
        states = []
        for number, plan in enumerate(plans[first : first + batch]):
            heard = Conditioning(*denoiser.encode([plan.prompt, plan.negative_prompt]))
            states.append(denoiser.start(str(number), plan, heard))
            if latents is not None:
                noised(states[-1], latents[first + number])
        while not states[0].done:
            if states[0].forecast:
                for state in states:
                    denoiser.advance(state, forecast(state.history, state.sigma))
                continue
            for state, velocity in zip(states, denoiser.predict(states), strict=True):
                remember(state, velocity)
                denoiser.advance(state, velocity)
        ends += states
    return ends
