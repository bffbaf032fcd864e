"""A few-step method's own noise levels, walked by Wan's two experts as diffusers' Euler walks the same levels."""

from __future__ import annotations

from dataclasses import replace

import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from app.engine.checkpoint import to_bytes
from app.engine.denoiser import TOKENS
from app.engine.families.family import FamilyDenoiser
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
