"""A few-step method's own noise levels, walked by Wan's two experts as diffusers' Euler walks the same levels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_lcm import FlowMatchLCMScheduler

from app.engine.checkpoint import to_bytes
from app.engine.denoiser import TOKENS
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.models import Parts
from app.plan.few_step import BY_FAMILY
from app.types import Plan, VideoSpec
from tests.engine.families.tiny import tiny_autoencoder, tiny_encode, tiny_transformer, tiny_wan
from tests.engine.plans import hear, make_plan, walk

ROW = BY_FAMILY["wan2.2-t2v-a14b"]["lightx2v"]
BOUNDARY = 875.0


def experts() -> FamilyDenoiser:
    parts = Parts(tiny_transformer(), tiny_autoencoder(), tiny_encode)
    parts.second = tiny_transformer(1)
    return tiny_wan(parts, boundary=BOUNDARY / 1000)


def planned() -> Plan:
    plan = make_plan(steps=ROW.steps, guidance=ROW.guidance, shift=5.0, spec=VideoSpec(32, 16, 5, 8))
    return replace(plan, sampling=replace(plan.sampling, levels=ROW.levels))


@torch.inference_mode()
def theirs(plan: Plan) -> torch.Tensor:
    denoiser, scheduler = experts(), FlowMatchEulerDiscreteScheduler()
    heard = hear(denoiser, plan)
    scheduler.set_timesteps(sigmas=list(ROW.levels))
    shape = denoiser.start("a", plan, heard).latent.shape
    latent = torch.randn((1, *shape), generator=torch.Generator().manual_seed(plan.sampling.seed))
    used = []
    for timestep in scheduler.timesteps:
        used.append(bool(timestep >= BOUNDARY))
        transformer = tiny_transformer(0 if used[-1] else 1)
        velocity = transformer(latent, timestep[None], heard.prompt[TOKENS][None], return_dict=False)[0]
        latent = scheduler.step(velocity, timestep, latent, return_dict=False)[0]
    assert used == [True, True, False, False], "as LightX2V's boundary_step_index of 2"
    return latent[0]


def test_the_levels_are_walked_as_diffusers_walks_them_and_gone_on_from_a_checkpoint() -> None:
    plan, denoiser = planned(), experts()
    state = denoiser.start("a", plan, hear(denoiser, plan))
    assert state.sigmas[:-1] == tuple(torch.tensor(ROW.levels).tolist())
    walk(denoiser, state, until=2)
    resumed = denoiser.resume(plan, to_bytes(state))
    walk(denoiser, resumed)
    assert (resumed.latent - theirs(plan)).abs().max() <= 1e-4


FAST = BY_FAMILY["wan2.2-ti2v-5b"]["fastwan"]


def fast_plan(prompt: str = "a red ball", seed: int = 0, **more: Any) -> Plan:
    plan = make_plan(prompt, FAST.steps, seed=seed, guidance=FAST.guidance, spec=VideoSpec(32, 16, 5, 8))
    return replace(plan, sampling=replace(plan.sampling, sampler=FAST.sampler, levels=FAST.levels, **more))


@torch.inference_mode()
def by_lcm(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    """By diffusers' scheduler of new noise at each step, which hears whole timesteps as FastVideo's loop has them."""
    denoiser, scheduler, steps = tiny_wan(per_token=True), FlowMatchLCMScheduler(), iter(range(FAST.steps))
    heard = hear(denoiser, plan)
    scheduler.set_timesteps(sigmas=list(FAST.levels), timesteps=[1000.0, 757.0, 522.0])
    shape = denoiser.start("a", plan, heard).latent.shape
    latent = torch.randn((1, *shape), generator=torch.Generator().manual_seed(plan.sampling.seed))

    def drawn(like: Any, **_: Any) -> torch.Tensor:
        generator = torch.Generator().manual_seed(plan.sampling.seed * 1_000_003 + next(steps))
        return torch.randn(tuple(like), generator=generator)

    monkeypatch.setattr("diffusers.schedulers.scheduling_flow_match_lcm.randn_tensor", drawn)
    for timestep in scheduler.timesteps:
        each = timestep.expand(1, latent[0, 0, :, ::2, ::2].numel())
        velocity = tiny_transformer()(latent, each, heard.prompt[TOKENS][None], return_dict=False)[0]
        latent = scheduler.step(velocity, timestep, latent, return_dict=False)[0]
    return latent[0]


def test_fastwan_is_walked_with_new_noise_alone_with_others_and_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    denoiser = tiny_wan(per_token=True)
    plans = [fast_plan(), fast_plan("two", 2), fast_plan("alone", 3, deterministic=True)]
    states = [denoiser.start(plan.prompt, plan, hear(denoiser, plan)) for plan in plans]
    assert states[0].timesteps == (1000.0, 757.0, 522.0)
    walk(denoiser, states[1], until=1)
    states[1] = tiny_wan(per_token=True).resume(plans[1], to_bytes(states[1]))
    walk(denoiser, *states)
    for plan, state in zip(plans, states, strict=True):
        assert (state.latent - by_lcm(plan, monkeypatch)).abs().max() <= 1e-4


def test_fastwans_levels_are_where_its_timesteps_are_on_the_grid_of_its_shift() -> None:
    """FastVideo looks for the nearest of a thousand timesteps at a shift of 8, whatever the pipeline's own."""
    grid = FlowMatchEulerDiscreteScheduler(shift=8.0)
    nearest = [int((grid.timesteps - each).abs().argmin()) for each in (1000, 757, 522)]
    assert FAST.levels == pytest.approx(grid.sigmas[nearest].tolist(), abs=1e-6)
