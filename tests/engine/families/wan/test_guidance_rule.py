"""Guidance that is not the same at each step, held to diffusers' guiders over diffusers' schedulers: a tiny Wan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler
from diffusers.guiders import ClassifierFreeGuidance, ClassifierFreeZeroStarGuidance

from app.engine.checkpoint import from_bytes, to_bytes
from app.engine.denoiser import TOKENS, JobState
from app.plan.masks.mask import walk_evaluations
from app.plan.masks.table import with_masks
from app.types import GuidanceRule, Plan, VideoSpec
from tests.engine.families.tiny import Z, tiny_wan, transformer_of
from tests.engine.plans import hear, make_plan, walk

STEPS = 8
INTERVAL = GuidanceRule(start=0.3, stop=0.7)
ZERO = GuidanceRule(zero_star=True, zero_steps=1)
BOTH = GuidanceRule(start=0.2, stop=0.9, zero_star=True, zero_steps=2)
RULES = {
    "interval": INTERVAL,
    "zero star": ZERO,
    "both": BOTH,
    "zero star, no zero steps": GuidanceRule(zero_star=True),
}


def planned(rule: GuidanceRule | None, sampler: str = "euler", **more: Any) -> Plan:
    plan = make_plan(steps=STEPS, guidance=4.0, sampler=sampler, spec=VideoSpec(32, 16, 5, 8), **more)
    return with_masks(replace(plan, sampling=replace(plan.sampling, rule=rule)), {})


def guider_of(rule: GuidanceRule) -> ClassifierFreeGuidance | ClassifierFreeZeroStarGuidance:
    shares = {"start": rule.start, "stop": rule.stop}
    if rule.zero_star:
        return ClassifierFreeZeroStarGuidance(4.0, zero_init_steps=rule.zero_steps, **shares)
    return ClassifierFreeGuidance(4.0, **shares)


@torch.inference_mode()
def theirs(plan: Plan) -> torch.Tensor:
    """The final latent by diffusers' transformer, guider and scheduler, as WanPipeline walks them."""
    rule, asked, denoiser = plan.sampling.rule, plan.sampling, tiny_wan()
    assert rule is not None
    heard, guider = hear(denoiser, plan), guider_of(rule)
    schedulers: dict[str, Any] = {
        "euler": FlowMatchEulerDiscreteScheduler(shift=asked.shift),
        "unipc": UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=asked.shift
        ),
    }
    scheduler = schedulers[asked.sampler]
    scheduler.set_timesteps(asked.steps)
    shape = denoiser.start("a", plan, heard).latent.shape
    latent = torch.randn((1, *shape), generator=torch.Generator().manual_seed(asked.seed))
    for step, timestep in enumerate(scheduler.timesteps):
        guider.set_state(step, asked.steps, timestep)
        texts = [heard.prompt, heard.negative][: guider.num_conditions]
        passes = [
            transformer_of(denoiser)(
                hidden_states=latent,
                timestep=timestep[None],
                encoder_hidden_states=text[TOKENS][None],
                return_dict=False,
            )[0]
            for text in texts
        ]
        latent = scheduler.step(guider.forward(*passes).pred, timestep, latent, return_dict=False)[0]
    assert shape[0] == Z
    return latent[0]


def begun(plan: Plan, name: str = "a") -> JobState:
    denoiser = tiny_wan()
    return denoiser.start(name, plan, hear(denoiser, plan))


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_walk_is_that_of_diffusers_guider(rule: GuidanceRule, sampler: str) -> None:
    plan = planned(rule, sampler)
    state = begun(plan)
    walk(tiny_wan(), state)
    assert (state.latent - theirs(plan)).abs().max() <= 1e-4


def test_jobs_of_several_rules_share_forwards_and_are_each_their_own() -> None:
    plans = [planned(rule, seed=seed) for seed, rule in enumerate((INTERVAL, ZERO, BOTH))]
    states = [begun(plan, str(place)) for place, plan in enumerate(plans)]
    plain = begun(planned(None, seed=9), "plain")
    walk(tiny_wan(), *states, plain)
    for state, plan in zip(states, plans, strict=True):
        assert (state.latent - theirs(plan)).abs().max() <= 1e-4


@pytest.mark.parametrize("until", range(1, STEPS))
def test_a_job_goes_on_from_a_checkpoint_at_any_step(until: int) -> None:
    plan = planned(BOTH)
    state = begun(plan)
    walk(tiny_wan(), state, until=until)
    resumed = from_bytes(to_bytes(state), plan)
    walk(tiny_wan(), resumed)
    assert (resumed.latent - theirs(plan)).abs().max() <= 1e-4


def test_no_difference_is_kept_behind_the_interval() -> None:
    state = begun(planned(INTERVAL))
    kept = []
    while not state.done:
        walk(tiny_wan(), state, until=state.step + 1)
        kept.append(state.difference is not None)
    assert kept == [INTERVAL.guides(step, STEPS) for step in range(STEPS)]


def test_a_forward_has_the_rows_that_the_plan_pays_for() -> None:
    plan, denoiser, rows = planned(BOTH), tiny_wan(), list[int]()
    transformer_of(denoiser).register_forward_hook(
        lambda module, given, options, made: rows.append(len(made[0])), with_kwargs=True
    )
    state = denoiser.start("a", plan, hear(denoiser, plan))
    walk(denoiser, state)
    assert sum(rows) / 2 == walk_evaluations(plan) == state.work
    guided = [BOTH.guides(step, STEPS) for step in range(2, STEPS)]
    assert rows == [2 if each else 1 for each in guided], "the first two steps run nothing"
