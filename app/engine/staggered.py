"""A step of diffusion forcing in which latent frames are at levels of their own: each takes its sampler's own steps.

diffusers' SkyReels V2 pipelines have a scheduler for each latent frame; here those that are as far step together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from app.engine.denoiser import JobState
from app.engine.samplers.schedule import Schedule
from app.engine.samplers.unipc import ORDER
from app.plan.forcing import levels_at
from app.types import Stage

Step = Callable[[JobState, torch.Tensor], tuple[torch.Tensor, tuple[torch.Tensor, ...]]]
Levels = Callable[[int, float], Schedule]


def lags(state: JobState) -> bool:
    """Whether the job's latent frames are at levels of their own."""
    return bool(state.plan.sampling.ar_step and state.plan.stages)


def steps_taken(state: JobState, more: int = 0) -> tuple[int, ...]:
    """By each latent frame before the state's step, or so many steps later in the same stage."""
    stage, first = _stage(state)
    asked = state.plan.sampling
    frames, here = state.latent.shape[1], min(state.step - first + more, stage.steps)
    return levels_at(stage, frames, here, asked.ar_step, max(1, asked.causal_block))


def levels_of(state: JobState, levels: Levels) -> Schedule:
    """The noise levels that each frame walks down."""
    return levels(_stage(state)[0].own_steps, state.plan.sampling.shift)


def stepped(
    state: JobState, velocity: torch.Tensor, step: Step, levels: Levels
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """The next latent (C, F', H', W'), and UniPC's memory of each frame; a frame that waits, or is there, stays."""
    schedule, before, behind = levels_of(state, levels), steps_taken(state), steps_taken(state, 1)
    latent, memory = state.latent.clone(), [kept.clone() for kept in state.memory]
    for done in sorted({old for old, new in zip(before, behind, strict=True) if new > old}):
        at = [place for place, (old, new) in enumerate(zip(before, behind, strict=True)) if new > old == done]
        known = min(done, ORDER) + 1 if done else 0
        alone = replace(
            state,
            latent=state.latent[:, at],
            memory=tuple(kept[:, at] for kept in state.memory[:known]),
            step=done,
            sigmas=schedule.sigmas,
            timesteps=schedule.timesteps,
            mask=(True,) * len(schedule.timesteps),
        )
        latent[:, at], kept_now = step(alone, velocity[:, at])
        memory += [torch.zeros_like(latent) for _ in kept_now[len(memory) :]]
        for whole, kept in zip(memory, kept_now, strict=False):
            whole[:, at] = kept
    return latent, tuple(memory)


def clean(state: JobState, velocity: torch.Tensor, levels: Levels) -> torch.Tensor:
    """The clean latent that a velocity speaks of, each frame from its own level."""
    sigmas = levels_of(state, levels).sigmas
    each = torch.tensor([sigmas[done] for done in steps_taken(state)]).to(velocity)
    return state.latent - each.view(1, -1, 1, 1) * velocity


def _stage(state: JobState) -> tuple[Stage, int]:
    place, first = state.plan.stage_at(state.step)
    return state.plan.stages[place], first
