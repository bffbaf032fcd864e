"""A request and its plan come in; the draft that is shown first, and the walks it leads to, go out; pure.

A draft is a speculation: the plan's first steps are spared where the few evaluations behind it came out as those steps
would have. To go on from a finished picture that is noised again is SDEdit's idea (Meng et al., arXiv 2108.01073); to
have a small model propose and the large one check, that of speculative decoding (Leviathan et al., arXiv 2211.17192),
here with a measured threshold instead of an exact test: the final distribution is not that of the plain plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from app.errors import InvalidRequest
from app.plan.distilled import SAMPLER
from app.plan.masks.mask import masks_of
from app.plan.speculative.table import DraftTable
from app.types import FirstDraft, ModelProfile, MustShow, Plan, PlanWarning, Sampling, Start, VideoRequest

PARAM: Final = "speculative"
UNAVAILABLE: Final = "draft_unavailable"
"""The code of a refusal: the model has nothing that makes drafts."""
NO_DRAFT: Final = "no_draft"
"""The code of a warning: this video has none."""
PREVIEW: Final = "preview"
"""The tier whose few-step adapter makes the drafts of a model that has no student."""
PENDING, KEPT, REJECTED, UNCALIBRATED, FAILED = "pending", "kept", "rejected", "uncalibrated", "failed"
"""Verdicts about a draft: not yet said, gone on from, too far from the model's guess, never measured, never made."""
DRAFT_ENTRY: Final = "draft"
"""What a walk that goes on from a draft names as the latent that it begins with."""


def drafted(
    request: VideoRequest,
    plan: Plan,
    model: ModelProfile,
    row: str,
    table: DraftTable | None,
    as_measured: bool,
    shown: MustShow | None = None,
) -> Plan:
    """The plan with its draft, where one is asked for; `row` is that of the tables: the tier, or "auto".

    `table` is that of the model's weights and drafts; `as_measured`: the video is of the kind that was measured;
    `shown`: what it has to show, if that is known, for tables whose drafts are looked at.

    Raises:
        InvalidRequest: the model has nothing that makes drafts.
    """
    if not request.speculative:
        return plan
    draft = draft_of(model, plan.sampling)
    if draft is None:
        message = (
            f"{model.id} has no distilled student and no few-step adapter in its tier {PREVIEW}: it makes no drafts."
        )
        raise InvalidRequest(message, PARAM, UNAVAILABLE)
    if why := next(_beyond(request, plan, draft, model), None):
        return replace(plan, warnings=(*plan.warnings, PlanWarning(NO_DRAFT, f"No draft is made: {why}.", PARAM)))
    start = table.start(row, plan.sampling.steps) if table is not None and as_measured and plan.by_planner else None
    if start is not None and (shown is not None or not start[0].looked_at):
        at, step = start
        judged_by = shown if at.looked_at else None
        draft = replace(draft, step=step, level=at.level, most_residual=at.most_residual, shown=judged_by)
    told = replace(plan.why, reasons=(*plan.why.reasons, _said(draft, plan.sampling.steps)))
    return replace(plan, draft=draft, why=told)


def maker_of(model: ModelProfile) -> str:
    """What makes a model's drafts, as tables name it: its student's revision, else its preview's adapter, "" none."""
    if model.student is not None:
        return model.student.revision
    return next((tier.adapter for tier in model.tiers if tier.tier == PREVIEW and tier.steps), "")


def draft_of(model: ModelProfile, sampling: Sampling) -> FirstDraft | None:
    """How a draft of the model is made for a plan that is sampled so; None where it has nothing that makes them."""
    if model.student is not None:
        count = model.student.evaluations
        walk = replace(
            _plain(sampling), steps=count, budget=count, guidance=1.0, guidance_2=None, sampler=SAMPLER, levels=()
        )
        return FirstDraft(walk, student=model.student)
    few = next((tier for tier in model.tiers if tier.tier == PREVIEW and tier.adapter and tier.steps), None)
    if few is None:
        return None
    count, guidance = few.steps[0], sampling.guidance if few.guidance is None else few.guidance
    second = None if sampling.guidance_2 is None else guidance
    walk = replace(
        _plain(sampling),
        steps=count,
        budget=count,
        guidance=guidance,
        guidance_2=second,
        sampler=few.sampler or sampling.sampler,
        shift=sampling.shift if few.shift is None else few.shift,
        levels=few.levels,
    )
    return FirstDraft(walk, adapters=((few.adapter, 1.0),))


def _plain(sampling: Sampling) -> Sampling:
    """Without what a draft has none of."""
    return replace(sampling, step_cache="", rule=None)


def walks(plan: Plan) -> tuple[Plan, ...]:
    """The walks that an attempt at this plan may be in, the one farthest on first; each is a plan without a draft."""
    if plan.draft is None:
        return (plan,) if plan.start is None else (plan, replace(plan, start=None))
    behind = (kept_walk(plan),) if plan.draft.calibrated else ()
    return (*behind, draft_walk(plan), plain_walk(plan))


def draft_walk(plan: Plan) -> Plan:
    """The walk of a plan's draft. Raises ValueError: it has none."""
    draft = _draft(plan)
    made = replace(plan, masks=None, draft=None, start=None, student=draft.student, adapters=draft.adapters)
    return replace(made, sampling=draft.sampling)


def kept_walk(plan: Plan) -> Plan:
    """What is left of a plan behind a kept draft. Raises ValueError: it has none."""
    return replace(plan, draft=None, start=Start(DRAFT_ENTRY, _draft(plan).step, 1.0))


def plain_walk(plan: Plan) -> Plan:
    """The plan as it would be without a draft."""
    return replace(plan, draft=None, start=None)


def is_kept(walk: Plan) -> bool:
    """Whether a walk goes on from a draft."""
    return walk.start is not None and walk.start.entry == DRAFT_ENTRY


def behind(plan: Plan) -> Plan:
    """The walk that is meant to follow a plan's draft; the plan itself without one."""
    if plan.draft is None:
        return plan
    return kept_walk(plan) if plan.draft.calibrated else plain_walk(plan)


def steps_saved(plan: Plan) -> int:
    """Runs of the denoiser that a kept draft spares the plan, before its own are counted."""
    return masks_of(plain_walk(plan)).budget - masks_of(behind(plan)).budget


def _draft(plan: Plan) -> FirstDraft:
    if plan.draft is None:
        raise ValueError("The plan has no draft.")
    return plan.draft


def _beyond(request: VideoRequest, plan: Plan, draft: FirstDraft, model: ModelProfile) -> Iterator[str]:
    """Why a plan has no draft, where that is so."""
    if plan.student is not None or (draft.adapters and set(draft.adapters) <= set(plan.adapters)):
        yield f"the tier {plan.tier} is made whole as drafts are"
    if request.sees or request.extends is not None:
        yield (
            "what makes drafts knows no picture to begin with" if request.extends is None else "it goes on from a video"
        )
    if request.loras:
        yield "what makes drafts does not wear the LoRAs that are asked for"
    if request.negative_prompt.strip():
        yield "what makes drafts does not hear the negative prompt"
    if plan.sampling.step_cache:
        yield "a step cache is asked for"
    if plan.stages:
        yield "it is made in stages"
    if plan.sampling.zero_steps:
        yield "it begins with steps of no velocity, as CFG-Zero* has it"
    if draft.student is not None and request.shift is not None and request.shift != model.shift:
        yield "the noise levels of what makes drafts are fixed, and another flow shift is asked for"


def _said(draft: FirstDraft, steps: int) -> str:
    count = draft.sampling.budget
    told = f"A draft of {count} evaluations is shown first"
    if not draft.calibrated:
        return f"{told}; how far to go on from it was not measured for a video like this, which begins at noise."
    return f"{told}; the plan goes on from it at step {draft.step} of {steps}, unless the check rejects it."
