"""A plan comes in; the request that another one like it is asked for with goes out, whatever its prompt; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from app.plan.adapters import asked_of
from app.plan.catalogue import within
from app.plan.inputs import again
from app.plan.stages import walk_of
from app.types import OFF, ModelProfile, Plan, VideoRequest

_KEPT: Final = ("negative_prompt", "style", "loras", "shift", "audio")
_OF_TIER: Final = (
    *("sampler", "guidance", "guidance_2"),
    *("guidance_start", "guidance_stop", "cfg_zero_star", "zero_init_steps"),
)
"""What goes on as it was, whatever the clip; and what does in the same tier, made by the same weights."""


def request_like(plan: Plan, model: ModelProfile, prompt: str) -> VideoRequest:
    """All that was asked for, or was decided for it, with that prompt; `model` is the plan's.

    What the planner chose by the prompt (steps, their budget) it chooses anew. The picture is the one that was
    prepared.
    """
    sampling, more = plan.sampling, plan.postprocessing
    rule, (steps, budget) = sampling.rule, _own_steps(plan, model)
    return VideoRequest(
        prompt=prompt,
        model=plan.model,
        negative_prompt=plan.negative_prompt,
        width=plan.spec.width,
        height=plan.spec.height,
        frames=plan.clip.frames,
        fps=plan.clip.fps,
        interpolate=OFF if more is None else more.interpolate,
        upscale=1 if more is None else more.upscale,
        seed=sampling.seed,
        steps=steps,
        budget=budget,
        sampler=None if sampling.sampler == within(model, plan.tier).samplers[0] else sampling.sampler,
        deterministic=sampling.deterministic,
        step_cache=sampling.step_cache or None,
        guidance=sampling.guidance,
        guidance_2=sampling.guidance_2,
        tier=plan.asked_tier,
        style=plan.style,
        enhance=plan.enhanced,
        speculative=plan.draft is not None,
        image=plan.image,
        references=tuple(map(again, plan.references)),
        extends=plan.extends,
        loras=asked_of(plan, model),
        shift=sampling.shift,
        guidance_start=None if rule is None else rule.start,
        guidance_stop=None if rule is None else rule.stop,
        cfg_zero_star=None if rule is None else rule.zero_star,
        zero_init_steps=None if rule is None else rule.zero_steps,
        ar_step=sampling.ar_step or None,
        causal_block_size=sampling.causal_block or None,
        audio=OFF if model.makes_sound and not plan.sound else None,
    )


def gone_on(asked: VideoRequest, plan: Plan, model: ModelProfile) -> VideoRequest:
    """The request for what comes behind a video, with what it leaves open as in that one; `model` is of both.

    Not so its steps, which the planner chooses by the new prompt, and its shape, seed and inputs. Its tier is settled.
    """
    like, said = request_like(plan, model, asked.prompt), VideoRequest(asked.prompt)
    same = asked.tier == like.tier and plan.student is None and not asked.step_cache
    names = (*_KEPT, *(_OF_TIER if same else ()))
    left = {name: getattr(like, name) for name in names if getattr(asked, name) == getattr(said, name)}
    return replace(asked, **left)


def _own_steps(plan: Plan, model: ModelProfile) -> tuple[int | None, int | None]:
    """Steps and budget where the request had any: of all walks of a refined video, else of one."""
    if plan.by_planner or plan.student is not None:
        return None, None
    walk = plan if model.refined is not None else walk_of(plan, 0)
    if plan.stages and plan.stages[0].own_steps:
        return plan.stages[0].own_steps, None
    steps, budget = walk.sampling.steps, walk.sampling.budget
    return steps, budget if budget < steps else None
