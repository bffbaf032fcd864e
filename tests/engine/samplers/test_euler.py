from __future__ import annotations

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from app.engine.denoiser import Conditioning
from app.engine.sampler import advance, begin
from app.engine.samplers.euler import schedule
from tests.engine.plans import make_plan

NOTHING = Conditioning({}, {})


@pytest.mark.parametrize("shift", [1.0, 2.7, 3.0, 5.0, 12.0])
@pytest.mark.parametrize("steps", [1, 2, 18, 35, 50, 200])
def test_the_schedule_is_that_of_diffusers_to_the_bit(steps: int, shift: float) -> None:
    theirs = FlowMatchEulerDiscreteScheduler(shift=shift)
    theirs.set_timesteps(steps)
    ours = schedule(steps, shift)
    assert ours.sigmas == tuple(theirs.sigmas.tolist())
    assert ours.timesteps == tuple(theirs.timesteps.tolist())


def test_euler_steps_are_those_of_diffusers_to_the_bit() -> None:
    theirs = FlowMatchEulerDiscreteScheduler(shift=3.0)
    theirs.set_timesteps(7)
    sample = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    state = begin("a", make_plan(steps=7), NOTHING, sample)
    for timestep in theirs.timesteps:
        velocity = torch.sin(5 * sample)
        sample = theirs.step(velocity, timestep, sample, return_dict=False)[0]
        advance(state, velocity)
        assert torch.equal(state.latent, sample)
    assert state.done
