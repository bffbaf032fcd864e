from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusers import CogVideoXDDIMScheduler

from app.engine.denoiser import Conditioning
from app.engine.renoise import noised
from app.engine.reuse import forecast, remember
from app.engine.sampler import advance, begin, clean
from app.engine.samplers.ddim import schedule
from app.types import Start
from tests.engine.plans import make_plan


def theirs_of(steps: int, shift: float) -> CogVideoXDDIMScheduler:
    theirs = CogVideoXDDIMScheduler(
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
        snr_shift_scale=shift,
    )
    theirs.set_timesteps(steps)
    return theirs


@pytest.mark.parametrize("shift", [1.0, 3.0])
@pytest.mark.parametrize("steps", [1, 3, 18, 35, 50, 200])
def test_the_timesteps_are_those_of_diffusers_and_the_noise_falls(steps: int, shift: float) -> None:
    ours = schedule(steps, shift)
    assert ours.timesteps == tuple(theirs_of(steps, shift).timesteps.tolist())
    assert list(ours.sigmas) == sorted(set(ours.sigmas), reverse=True)
    assert (ours.sigmas[0], ours.sigmas[-1]) == (1.0, 0.0)


@pytest.mark.parametrize("steps", [1, 6, 7, 50])
def test_the_steps_are_those_of_diffusers(steps: int) -> None:
    theirs = theirs_of(steps, 3.0)
    sample = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    state = begin("a", make_plan(steps=steps, sampler="ddim"), Conditioning({}, {}), sample)
    for timestep in theirs.timesteps:
        v = torch.sin(5 * sample)
        guess = clean(state, v)
        sample, expected = theirs.step(v, timestep, sample, return_dict=False)
        advance(state, v)
        assert torch.allclose(guess, expected, atol=1e-5)
        assert torch.allclose(state.latent, sample, atol=1e-5)
    assert state.done


def test_a_forecast_of_v_is_finite_and_near_what_a_smooth_model_says() -> None:
    noise, picture = torch.randn(2, 4, 1, 2, 2, generator=torch.Generator().manual_seed(1))
    state = begin("a", make_plan(steps=20, budget=10, sampler="ddim"), Conditioning({}, {}), noise)
    while not state.done:
        signal, sigma = (1 - state.sigma**2) ** 0.5, state.sigma
        exact = signal * noise - sigma * picture
        if state.forecast:
            assert (forecast(state.history, state.sigma) - exact).abs().max() < 0.5
            advance(state, forecast(state.history, state.sigma))
        else:
            remember(state, exact)
            advance(state, exact)
    assert (state.latent - picture).abs().max() < 0.3


def test_a_latent_is_noised_as_in_diffusers() -> None:
    theirs, (noise, latent) = theirs_of(6, 3.0), torch.randn(2, 4, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    plan = make_plan(steps=6, budget=3, sampler="ddim")
    state = begin("a", replace(plan, start=Start("e", 3, 0.9)), Conditioning({}, {}), noise)
    noised(state, latent)
    expected = theirs.add_noise(latent, noise, theirs.timesteps[state.step].long())
    assert state.step > 0
    assert torch.allclose(state.latent, expected, atol=1e-5)
