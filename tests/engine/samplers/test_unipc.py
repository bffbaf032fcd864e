from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusers import UniPCMultistepScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.denoiser import Conditioning
from app.engine.sampler import advance, begin
from app.engine.samplers.levels import walked
from app.engine.samplers.unipc import order, schedule
from app.types import Masks
from app.types.masks import LEAP, unbits
from tests.engine.plans import make_plan

NOTHING = Conditioning({}, {})


def diffusers_unipc(steps: int, shift: float) -> UniPCMultistepScheduler:
    """As the scheduler_config.json of Wan 2.1 sets it up."""
    theirs = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift)
    theirs.set_timesteps(steps)
    return theirs


@given(steps=st.integers(1, 200), shift=st.sampled_from([1.0, 2.7, 3.0, 5.0, 8.0, 12.0]))
@settings(max_examples=60, deadline=None)
def test_the_schedule_is_that_of_diffusers_to_the_bit(steps: int, shift: float) -> None:
    theirs, ours = diffusers_unipc(steps, shift), schedule(steps, shift)
    assert ours.sigmas == tuple(theirs.sigmas.tolist())
    assert ours.timesteps == tuple(theirs.timesteps.tolist())


@pytest.mark.parametrize("shift", [1.0, 3.0, 5.0, 12.0])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 15, 30, 50])
def test_unipc_steps_are_those_of_diffusers(steps: int, shift: float) -> None:
    theirs = diffusers_unipc(steps, shift)
    generator = torch.Generator().manual_seed(steps)
    sample, clean = torch.randn(2, 4, 3, 6, 6, generator=generator)
    state = begin("a", make_plan(steps=steps, sampler="unipc", shift=shift), NOTHING, sample)
    for timestep in theirs.timesteps:
        velocity = sample - clean + 0.3 * torch.sin(5 * sample)
        sample = theirs.step(velocity[None], timestep, sample[None], return_dict=False)[0][0]
        advance(state, velocity)
        assert (state.latent - sample).abs().max() <= 1e-5
    assert state.done


def test_the_order_rises_at_the_start_and_falls_at_the_end() -> None:
    assert [order(step, 5) for step in range(5)] == [1, 2, 2, 2, 1]
    assert [order(step, 2) for step in range(2)] == [1, 1]
    assert order(0, 1) == 1


def test_steps_of_the_same_flow_are_closer_to_it_than_eulers() -> None:
    noise = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(1))

    def end(sampler: str, steps: int) -> torch.Tensor:
        state = begin("a", make_plan(steps=steps, sampler=sampler), NOTHING, noise)
        while not state.done:
            advance(state, state.latent + torch.sin(3 * state.latent))
        return state.latent

    exact = end("euler", 2000)
    assert (end("unipc", 20) - exact).square().mean() < (end("euler", 20) - exact).square().mean()


def test_a_walk_that_leaps_ends_as_one_whose_schedule_has_the_evaluated_levels_alone() -> None:
    noise = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    run = unbits("1010010011")
    plan = replace(make_plan(steps=10, budget=5, sampler="unipc"), masks=Masks(run, run, LEAP))
    leaping = begin("a", plan, NOTHING, noise)
    while not leaping.done:
        advance(leaping, torch.zeros(()) if leaping.forecast else leaping.latent + torch.sin(3 * leaping.latent))

    levels = [sigma for sigma, runs in zip(leaping.sigmas, run, strict=False) if runs]
    alone = begin("b", make_plan(steps=5, sampler="unipc"), NOTHING, noise, walked(levels))
    while not alone.done:
        advance(alone, alone.latent + torch.sin(3 * alone.latent))
    assert (leaping.latent - alone.latent).abs().max() <= 1e-5
