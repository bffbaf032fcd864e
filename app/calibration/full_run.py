"""The full run that masks are measured against: walked once, kept, and asked what a mask would have made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from app.engine.denoiser import Conditioning, Denoiser, JobState
from app.engine.reuse import forecast, guide, remember
from app.engine.sampler import advance
from app.plan.masks.mask import evenly
from app.types import Masks, Plan

_STRIDE = 3  # steps from one measurement of growth to the next


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
    """Jobs of one shape and one sampling (but for the seed), run in full, and how much each step's errors grow.

    It keeps every step's latents and velocities, about (steps x jobs x 3) latents: megabytes for the built-in model,
    gigabytes for a large one. It takes steps + steps ** 2 / 6 forwards, or `steps` where the `growth` is known:
    per step, the final squared error over that which is made there.
    """

    def __init__(self, denoiser: Denoiser, plans: Sequence[Plan], growth: Sequence[float] | None = None) -> None:
        self._denoiser = denoiser
        self._start = tuple(_begin(denoiser, plan) for plan in plans)
        self._steps = plans[0].sampling.steps
        self.forwards = 0  # by this and by all masks walked so far
        self._velocities: list[torch.Tensor] = []  # per step (jobs * C, F', H', W'), conditional
        self._differences: list[torch.Tensor | None] = []  # per step, to the unconditional; None without guidance
        self.trail = full = self.walk(evenly(self._steps, self._steps), keep=True)
        self._path = [_joined(state.latent for state in states) for states in full.states]
        self._scale = float(self._path[-1].var().clamp(min=1e-12))
        self.growth = list(growth) if growth is not None else self._measured_growth(full)

    def walk(self, masks: Masks, known: Trail | None = None, keep: bool = False) -> Trail:
        """Walk the jobs under masks, through the denoiser; from where `known` went other ways, if it is given."""
        shared = known.shared(masks) if known is not None else 0
        path = list(known.states[: shared + 1]) if known is not None else [self._start]
        for _ in range(shared, masks.steps):
            states = tuple(masked(state, masks) for state in path[-1])
            if states[0].forecast:
                for state in states:
                    self._denoiser.advance(state, forecast(state.history, state.sigma))
            else:
                self._evaluate(states, keep)
            path.append(states)
        return Trail(masks, tuple(path))

    def error(self, trail: Trail) -> float:
        """Mean squared difference of the walk's final latents to the full run's, over the variance of these."""
        return (
            float((_joined(state.latent for state in trail.states[-1]) - self._path[-1]).square().mean()) / self._scale
        )

    def errors(self, states: Sequence[JobState]) -> tuple[float, ...]:
        """The same of each job by itself, from its state at the end; their mean is `error`."""
        ends = zip(states, self.trail.states[-1], strict=True)
        return tuple(float((one.latent - other.latent).square().mean()) / self._scale for one, other in ends)

    @staticmethod
    def levels(denoiser: Denoiser, plan: Plan) -> tuple[float, ...]:
        """The noise levels that a job of this plan walks, steps + 1."""
        return _begin(denoiser, plan).sigmas

    @property
    def scale(self) -> float:
        """The variance of the final latents, by which errors are divided."""
        return self._scale

    @property
    def path(self) -> list[torch.Tensor]:
        """The latents before each step and at the end, (jobs * C, F', H', W') each."""
        return self._path

    @property
    def corrected(self) -> list[torch.Tensor]:
        """The same, as the sampler corrected them before it went on; as they were where it corrects nothing."""
        behind = [_joined(state.memory[0] for state in states) for states in self.trail.states[1:] if states[0].memory]
        return [*behind, self._path[-1]] if behind else self._path

    @property
    def sigmas(self) -> tuple[float, ...]:
        """The noise levels of the walk, steps + 1."""
        return self._start[0].sigmas

    @torch.inference_mode()
    def velocities(self) -> list[torch.Tensor]:
        """What the denoiser said on the full path, guided, per step."""
        guidance = self._start[0].plan.sampling.guidance
        return [
            asked if apart is None else asked + (guidance - 1) * apart
            for asked, apart in zip(self._velocities, self._differences, strict=True)
        ]

    @torch.inference_mode()
    def guess(self, masks: Masks) -> float:
        """About what the error will be, without the denoiser: each gap's own error, times its growth to the end.

        A gap's own error is that of the forecasts from what the denoiser answered on the full path; gaps add up as if
        independent of each other.
        """
        total, gap = 0.0, torch.zeros(())
        for step, strayed in enumerate(self._strays(masks)):
            gap = gap + strayed
            if masks.run[step] or step + 1 == masks.steps or masks.run[step + 1]:
                total += float(gap.square().mean()) * self.growth[step]
                gap = torch.zeros(())
        return total / self._scale

    def _strays(self, masks: Masks) -> Iterator[torch.Tensor]:
        """How far each step leads away from the full path, (jobs * C, F', H', W')."""
        state = masked(replace(self._start[0], latent=self._path[0]), masks)
        away = torch.zeros(())
        while not state.done:
            velocity = self._recalled(state)
            if not state.forecast:
                remember(state, velocity)
            advance(state, velocity)
            before, away = away, state.latent - self._path[state.step]
            yield away - before

    def _measured_growth(self, full: Trail) -> list[float]:
        """Per step: final squared error over its own, by walks that leave out this step alone; every third, and the
        steps between them by what lies nearest."""
        known: dict[int, float] = {}
        for step in range(1, self._steps, _STRIDE):
            run = tuple(other != step for other in range(self._steps))
            masks = Masks(run, run)
            strayed = [float(each.square().mean()) for each in self._strays(masks)][step]
            known[step] = self.error(self.walk(masks, full)) * self._scale / max(strayed, 1e-20)
        return [known[min(known, key=lambda place: abs(place - step))] if known else 1.0 for step in range(self._steps)]

    def _recalled(self, state: JobState) -> torch.Tensor:
        if state.forecast:
            return forecast(state.history, state.sigma)
        asked, difference = self._velocities[state.step], self._differences[state.step]
        if difference is None:
            return asked
        return guide(state, asked, asked - difference if state.unconditioned else None)

    def _evaluate(self, states: Sequence[JobState], keep: bool) -> None:
        velocities = self._denoiser.predict(states)
        self.forwards += 1
        if keep:
            self._keep(states, velocities)
        for state, velocity in zip(states, velocities, strict=True):
            remember(state, velocity)
            self._denoiser.advance(state, velocity)

    def _keep(self, states: Sequence[JobState], velocities: Sequence[torch.Tensor]) -> None:
        """Take the guided velocities apart again: v = asked + (guidance - 1) * difference."""
        guided, seen = _joined(velocities), [state.difference for state in states if state.difference is not None]
        difference = _joined(seen) if seen else None
        self._differences.append(difference)
        guidance = states[0].plan.sampling.guidance
        self._velocities.append(guided if difference is None else guided - (guidance - 1) * difference)


def _begin(denoiser: Denoiser, plan: Plan) -> JobState:
    prompt, negative = denoiser.encode([plan.prompt, plan.negative_prompt])
    return denoiser.start(plan.prompt, plan, Conditioning(prompt, negative))


def masked(state: JobState, masks: Masks) -> JobState:
    """A copy of the state that goes on under these masks."""
    return replace(state, mask=masks.run, unconditional_mask=masks.unconditional, order=masks.order)


def _joined(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    return torch.cat(list(tensors))
