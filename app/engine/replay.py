"""The full run that masks are measured against: walked once, kept, and asked what a mask would have made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch

from app.engine.denoiser import Conditioning, Denoiser, JobState
from app.engine.masks.mask import Masks, evenly
from app.engine.reuse import forecast, guide, remember
from app.engine.sampler import advance
from app.types import Plan


@dataclass(frozen=True, slots=True)
class Trail:
    """A walk of all jobs under masks: their states before each step and at the end."""

    masks: Masks
    states: tuple[tuple[JobState, ...], ...]  # steps + 1, one state for each job

    def shared(self, masks: Masks) -> int:
        """How many first steps a walk under other masks has in common with this one."""
        if masks.order != self.masks.order:
            return 0
        mine, other = (list(zip(each.run, each.unconditional, strict=True)) for each in (self.masks, masks))
        return next((step for step in range(masks.steps) if mine[step] != other[step]), masks.steps)


class FullRun:
    """Jobs of one shape and one sampling (but for the seed), run in full.

    It keeps every step's latents and velocities, about (steps x jobs x 3) latents: megabytes for the built-in model,
    gigabytes for a large one.
    """

    def __init__(self, denoiser: Denoiser, plans: Sequence[Plan]) -> None:
        self._denoiser = denoiser
        self._start = tuple(_begin(denoiser, plan) for plan in plans)
        steps = plans[0].sampling.steps
        self.forwards = 0  # by this and by all masks walked so far
        self._velocities: list[torch.Tensor] = []  # per step (jobs * C, F', H', W'), conditional
        self._free: list[torch.Tensor | None] = []  # per step, unconditional, or None without guidance
        trail = self.walk(evenly(steps, steps), keep=True)
        self._clean = _joined(state.latent for state in trail.states[-1])
        self._scale = float(self._clean.var().clamp(min=1e-12))

    def walk(self, masks: Masks, known: Trail | None = None, keep: bool = False) -> Trail:
        """Walk the jobs under masks, through the denoiser; from where `known` went other ways, if it is given."""
        shared = known.shared(masks) if known is not None else 0
        path = list(known.states[: shared + 1]) if known is not None else [self._start]
        for _ in range(shared, masks.steps):
            states = tuple(_masked(state, masks) for state in path[-1])
            if states[0].forecast:
                for state in states:
                    self._denoiser.advance(state, forecast(state.history, state.sigma))
            else:
                self._evaluate(states, keep)
            path.append(states)
        return Trail(masks, tuple(path))

    def error(self, trail: Trail) -> float:
        """Mean squared difference of the walk's final latents to the full run's, over the variance of these."""
        return self._error(_joined(state.latent for state in trail.states[-1]))

    @torch.inference_mode()
    def guess(self, masks: Masks) -> float:
        """The error, guessed without the denoiser: as if it answered on every path what it did on the full one."""
        first = self._start[0]
        state = _masked(replace(first, latent=_joined(state.latent for state in self._start)), masks)
        while not state.done:
            velocity = self._recalled(state)
            if not state.forecast:
                remember(state, velocity)
            advance(state, velocity)
        return self._error(state.latent)

    def _recalled(self, state: JobState) -> torch.Tensor:
        if state.forecast:
            return forecast(state.history, state.sigma)
        free = self._free[state.step] if state.unconditioned else None
        return guide(state, self._velocities[state.step], free)

    def _evaluate(self, states: Sequence[JobState], keep: bool) -> None:
        velocities = self._denoiser.predict(states)
        self.forwards += 1
        if keep:
            self._keep(states, velocities)
        for state, velocity in zip(states, velocities, strict=True):
            remember(state, velocity)
            self._denoiser.advance(state, velocity)

    def _keep(self, states: Sequence[JobState], velocities: Sequence[torch.Tensor]) -> None:
        """Take the guided velocities apart again: v = free + guidance * (asked - free)."""
        guided = _joined(velocities)
        seen = [state.unconditional for state in states if state.unconditional is not None]
        free = _joined(seen) if len(seen) == len(states) else None
        self._free.append(free)
        guidance = states[0].plan.sampling.guidance
        self._velocities.append(guided if free is None else free + (guided - free) / guidance)

    def _error(self, latent: torch.Tensor) -> float:
        return float((latent - self._clean).square().mean()) / self._scale


def _begin(denoiser: Denoiser, plan: Plan) -> JobState:
    prompt, negative = denoiser.encode([plan.prompt, plan.negative_prompt])
    return denoiser.start(plan.prompt, plan, Conditioning(prompt, negative))


def _masked(state: JobState, masks: Masks) -> JobState:
    """A copy of the state that goes on under these masks."""
    return replace(state, mask=masks.run, unconditional_mask=masks.unconditional, order=masks.order)


def _joined(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    return torch.cat(list(tensors))
