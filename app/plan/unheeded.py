"""A request and what was planned of it come in; its fields that change nothing go out, as warnings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from app.plan.catalogue import pool_of
from app.plan.guidance import asked_of
from app.plan.tiers import AUTO, Choice, tier_named
from app.types import ModelProfile, Plan, PlanWarning, VideoRequest

NO_EFFECT: Final = "no_effect"


def unheeded(request: VideoRequest, plan: Plan, model: ModelProfile, choice: Choice) -> Iterator[PlanWarning]:
    """Of what decides the video, the fields that others overrule or that mean nothing beside them."""
    sampling = plan.sampling
    if request.negative_prompt.strip() and sampling.guidance == 1 and sampling.guidance_2 in (None, 1):
        told = "At a guidance of 1 there is no pass that hears the negative prompt: ask for more than 1."
        yield PlanWarning(NO_EFFECT, told, "negative_prompt")
    if (asked := asked_of(request)) and sampling.guidance == 1:
        yield PlanWarning(NO_EFFECT, "At a guidance of 1 there is none to rule: ask for more than 1.", asked[0])
    if request.steps is not None and tier_named(request.tier) != AUTO:
        told = f"{sampling.steps} steps are asked for, which come before the {choice.steps} of the tier {choice.tier}"
        left = _left_to(request, plan, model, choice)
        yield PlanWarning(NO_EFFECT, f"{told}; {f'it still decides {left}' if left else 'it changes nothing'}.", "tier")
    if request.frames is not None and request.seconds is not None and abs(plan.clip.seconds - request.seconds) > 0.001:
        told = f"num_frames comes before seconds: {plan.clip.frames} frames play for {plan.clip.seconds:.4g} s."
        yield PlanWarning(NO_EFFECT, told, "seconds")


def _left_to(request: VideoRequest, plan: Plan, model: ModelProfile, choice: Choice) -> str:
    """What a tier decides beside the steps."""
    own = next((each for each in model.tiers if each.tier == choice.tier), None)
    guides = request.guidance is None and model.guided_by != "nothing"
    found = {
        "the guidance": guides and (choice.guidance_gain != 1 or (own is not None and own.guidance is not None)),
        "sizes and lengths": own is not None and bool(own.sizes or own.most_frames),
        "the adapter": bool(plan.adapters) and not request.loras,
        "the pool": plan.pool != pool_of(model, AUTO, {}),
    }
    return ", ".join(name for name, decided in found.items() if decided)


def about_wishes(request: VideoRequest, plan: Plan) -> Plan:
    """The plan, told too of the wishes for the job that change nothing."""
    wishes, found = request.wishes, []
    if request.allow_degrade and wishes.deadline_s is None:
        found.append(PlanWarning(NO_EFFECT, "allow_degrade is about deadline_s, which is not given.", "allow_degrade"))
    elif request.allow_degrade and (request.steps is not None or request.budget is not None):
        told = "Steps or a budget are asked for, so that no lower tier may be used."
        found.append(PlanWarning(NO_EFFECT, told, "allow_degrade"))
    if wishes.cache_ttl_s is not None and not wishes.cache.writes:
        told = f"With the cache mode {wishes.cache} nothing is kept, however long it may be."
        found.append(PlanWarning(NO_EFFECT, told, "cache.ttl_s"))
    if wishes.similar and not (wishes.cache.reads or wishes.cache.writes):
        told = f"With the cache mode {wishes.cache} no similar video is begun with, nor is this one kept for that."
        found.append(PlanWarning(NO_EFFECT, told, "cache.similar"))
    elif wishes.similar and plan.student is not None:
        told = "The distilled student's few steps leave none to skip: it begins with no similar video."
        found.append(PlanWarning(NO_EFFECT, told, "cache.similar"))
    elif wishes.similar and plan.references:
        told = "What is made with pictures and videos beside the first begins with no similar video, nor is it kept."
        found.append(PlanWarning(NO_EFFECT, told, "cache.similar"))
    elif wishes.similar and plan.draft is not None:
        told = "It begins with its own draft, and with no similar video; nor is it kept for others to begin with."
        found.append(PlanWarning(NO_EFFECT, told, "cache.similar"))
    return replace(plan, warnings=(*plan.warnings, *found)) if found else plan
