"""The samplers by name: from a plan to a job at step 0, from a prediction to the next latent, one job at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from app.engine import staggered
from app.engine.denoiser import Conditioning, JobState
from app.engine.modalities import Modality
from app.engine.samplers import ddim, euler, lcm, unipc
from app.engine.samplers.levels import walked
from app.engine.samplers.schedule import Schedule
from app.errors import NumericalError, UnsupportedParameter
from app.plan.masks.mask import masks_of
from app.types import Plan


@dataclass(frozen=True, slots=True)
class Sampler:
    """A way down the noise: its schedule (steps, shift), and its step (state, velocity) to next latent and memory;
    `clean`: the clean latent that a prediction speaks of; `mixed`: (sigma, clean latent, noise) to the latent there;
    `levels`: the schedule of exactly such noise levels."""

    schedule: Callable[[int, float], Schedule]
    step: Callable[[JobState, torch.Tensor], tuple[torch.Tensor, tuple[torch.Tensor, ...]]]
    clean: Callable[[JobState, torch.Tensor], torch.Tensor] = lambda state, velocity: (
        state.latent - state.sigma * velocity
    )
    mixed: Callable[[float, torch.Tensor, torch.Tensor], torch.Tensor] = lambda sigma, clean, noise: (
        (1 - sigma) * clean + sigma * noise
    )
    levels: Callable[[Sequence[float]], Schedule] = walked


SAMPLERS: Mapping[str, Sampler] = {
    "euler": Sampler(euler.schedule, euler.step),
    "lcm": Sampler(lcm.schedule, lcm.step, levels=lcm.heard),
    "unipc": Sampler(unipc.schedule, unipc.step),
    "unipc_forcing": Sampler(unipc.schedule, unipc.step_forcing),
    "ddim": Sampler(ddim.schedule, ddim.step, ddim.clean, ddim.mixed),
}


def named(name: str) -> Sampler:
    """The sampler of that name.

    Raises:
        UnsupportedParameter: there is none.
    """
    if name not in SAMPLERS:
        raise UnsupportedParameter(f"There is no sampler {name!r}; there is: {', '.join(SAMPLERS)}.", "sampler")
    return SAMPLERS[name]


def begin(
    job_id: str,
    plan: Plan,
    conditioning: Conditioning,
    noise: torch.Tensor,
    schedule: Schedule | None = None,
    modalities: Sequence[Modality] = (),
) -> JobState:
    """A job at step 0: noise (C, F', H', W'), the plan's schedule and its masks.

    `schedule`: the family's own noise levels, as many as the plan has steps, where they are not the sampler's. Those of
    a plan's student, or of its few-step method, come before both. With `modalities` the noise is theirs, (N,).

    Raises:
        UnsupportedParameter: there is no such sampler.
    """
    asked = plan.sampling
    chosen = named(asked.sampler)
    if plan.student is not None:
        schedule = walked(plan.student.levels)
    elif asked.levels:
        schedule = chosen.levels(asked.levels)
    elif schedule is None:
        schedule = chosen.schedule(asked.steps, asked.shift)
    masks = masks_of(plan)
    return JobState(
        job_id=job_id,
        plan=plan,
        conditioning=conditioning,
        latent=noise,
        sigmas=schedule.sigmas,
        timesteps=schedule.timesteps,
        mask=masks.run,
        unconditional_mask=masks.unconditional,
        order=masks.order,
        modalities=tuple(modalities),
    )


def clean(state: JobState, prediction: torch.Tensor) -> torch.Tensor:
    """The guess at the clean latent that a prediction makes; both are of the latent's shape."""
    chosen = named(state.plan.sampling.sampler)
    if staggered.lags(state):
        return staggered.clean(state, prediction, chosen.schedule)
    guess = chosen.clean
    if not _of_several_levels(state):
        return guess(state, prediction)
    return torch.cat([guess(alone, own) for alone, own in _each_alone(state, prediction)])


def noised(state: JobState, latent: torch.Tensor) -> torch.Tensor:
    """A clean latent, of the state's shape, at the state's level, mixed with the noise that the state holds."""
    mixed = named(state.plan.sampling.sampler).mixed
    if not _of_several_levels(state):
        return mixed(state.sigma, latent, state.latent)
    return torch.cat([mixed(alone.sigma, own, alone.latent) for alone, own in _each_alone(state, latent)])


def advance(state: JobState, prediction: torch.Tensor) -> None:
    """One step on with a velocity of the latent's shape, evaluated or forecast.

    Raises:
        NumericalError: the next latent is not finite; the state is left as it was.
    """
    latent, memory = _stepped(state, prediction)
    # One number that is not finite makes the sum so; looking at each takes eight times as long on a CPU. The sum is
    # looked at here: on the device that would be two kernels more.
    if not math.isfinite(latent.sum(dtype=torch.float32).item()):
        raise NumericalError(f"The latent is not finite after step {state.step + 1}.")
    state.latent, state.memory = latent, memory
    state.step += 1


def _stepped(state: JobState, velocity: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    chosen = named(state.plan.sampling.sampler)
    if staggered.lags(state):
        return staggered.stepped(state, velocity, chosen.step, chosen.schedule)
    step, state = chosen.step, of_stage(state)
    if not _of_several_levels(state):
        return step(state, velocity)  # number by number: one step for all that are at one level
    stepped = [step(alone, own) for alone, own in _each_alone(state, velocity)]
    memories = zip(*(memory for _, memory in stepped), strict=True)
    return torch.cat([latent for latent, _ in stepped]), tuple(torch.cat(kept) for kept in memories)


def of_stage(state: JobState) -> JobState:
    """A job in the walk that it is in: each stage of a plan goes down to 0 and knows nothing of the others."""
    if not state.plan.stages:
        return state
    stage, first = state.plan.stage_at(state.step)
    here = slice(first, first + state.plan.stages[stage].steps)
    return replace(
        state,
        step=state.step - first,
        sigmas=(*state.sigmas[here], 0.0),
        timesteps=state.timesteps[here],
        mask=state.mask[here],
        unconditional_mask=state.unconditional_mask[here],
    )


def _of_several_levels(state: JobState) -> bool:
    return any(each.sigmas for each in state.modalities)


def _each_alone(state: JobState, vector: torch.Tensor) -> Iterator[tuple[JobState, torch.Tensor]]:
    """Every modality as a job at its own levels, with its stretch of the vector."""
    sizes = [each.size for each in state.modalities]
    latents, vectors = state.latent.split_with_sizes(sizes), vector.split_with_sizes(sizes)
    memories = [kept.split_with_sizes(sizes) for kept in state.memory]
    for place, each in enumerate(state.modalities):
        memory = tuple(kept[place] for kept in memories)
        sigmas = each.sigmas or state.sigmas
        yield replace(state, latent=latents[place], memory=memory, sigmas=sigmas, modalities=()), vectors[place]
