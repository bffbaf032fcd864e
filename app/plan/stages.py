"""A plan of one walk comes in; where its model makes videos in several, that goes out, with masks for all; pure.

Two kinds of models do. One makes a video small, enlarges its latent and refines that (HaCohen et al., "LTX-2"); one
makes a long video in segments, each from the last frames of the one before, which have no noise (Chen et al.,
"SkyReels-V2", arXiv 2504.13074). All walks are steps of the one job: its progress, its checkpoints and its cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from app.errors import InvalidRequest, UnsupportedParameter
from app.plan.masks.mask import cost
from app.plan.masks.table import MaskTable, with_masks
from app.types import Masks, ModelProfile, Plan, Refined, Segments, Stage, VideoSpec


@dataclass(frozen=True, slots=True)
class _Walk:
    spec: VideoSpec
    steps: int
    budget: int
    given: int = 0
    adapter: str = ""


def in_stages(plan: Plan, model: ModelProfile, tables: Mapping[str, MaskTable]) -> Plan:
    """The plan with masks, and with the stages that its model makes it in, if there are any.

    What it came with, steps and budget, is that of a segment, or of both walks of a refined video together.

    Raises:
        InvalidRequest: too few steps, or too small a budget, for all walks.
        UnsupportedParameter: guidance at some steps alone, or noise levels of a few-step method.
    """
    walks, one_pass = list[_Walk](), model.guided_by != "negative"
    told, full_run = "", plan.full_run
    if model.refined is not None:
        walks = list(_refined(plan, model.refined))
        told = (
            f"It is made at {walks[0].spec.size} in {walks[0].steps} steps, enlarged, and refined in {walks[1].steps}."
        )
    elif model.segments is not None and plan.spec.frames > model.segments.frames:
        walks = list(_segments(plan, model.segments))
        frames, steps = model.segments.frames, walks[0].steps
        told = f"It is made in {len(walks)} segments of {frames} frames at most, each in {steps} steps."
        full_run *= len(walks)
    if not walks:
        return with_masks(plan, tables, one_pass)
    if plan.sampling.rule is not None:
        raise UnsupportedParameter("A video that is made in stages is guided at all steps of a walk.", "guidance_start")
    if plan.sampling.levels:
        raise UnsupportedParameter("A video that is made in stages has noise levels of its own.", "tier")
    masks = [with_masks(_alone(plan, walk), tables, one_pass).masks for walk in walks]
    joint = _joined([each for each in masks if each is not None])
    return replace(
        plan,
        sampling=replace(plan.sampling, steps=joint.steps, budget=joint.budget),
        masks=joint,
        stages=tuple(Stage(walk.spec, walk.steps, walk.given, walk.adapter) for walk in walks),
        full_run=max(full_run, joint.budget),
        why=replace(plan.why, reasons=(*plan.why.reasons, told)),
    )


def walk_of(plan: Plan, stage: int) -> Plan:
    """One of the stages as a plan of its own; the plan itself where it has none."""
    if not plan.stages:
        return plan
    masks, here = _of_stage(plan, stage), plan.stages[stage]
    sampling = replace(plan.sampling, steps=masks.steps, budget=masks.budget)
    if here.adapter:
        sampling = replace(sampling, guidance=1.0)
    first = sum(each.steps for each in plan.stages[:stage])
    worn = plan.adapters_at(first)
    return replace(plan, spec=here.spec, sampling=sampling, masks=masks, adapters=worn, stages=())


def work_of(plan: Plan) -> tuple[tuple[VideoSpec, float], ...]:
    """Shape and guided evaluations of each stage; nothing for a plan without any."""
    return tuple((stage.spec, cost(_of_stage(plan, place))) for place, stage in enumerate(plan.stages))


def _refined(plan: Plan, how: Refined) -> Iterator[_Walk]:
    asked, spec = plan.sampling, plan.spec
    if asked.steps <= how.steps:
        message = f"Its last {how.steps} steps refine the video: it takes at least {how.steps + 1}."
        raise InvalidRequest(message, "num_inference_steps")
    if asked.budget <= how.steps:
        raise InvalidRequest(f"Its last {how.steps} steps are all run: budget must be above {how.steps}.", "budget")
    small = replace(spec, width=spec.width // how.shrink, height=spec.height // how.shrink)
    yield _Walk(small, asked.steps - how.steps, asked.budget - how.steps)
    yield _Walk(spec, how.steps, how.steps, adapter=how.adapter)


def _segments(plan: Plan, how: Segments) -> Iterator[_Walk]:
    asked, spec, made = plan.sampling, plan.spec, how.frames
    yield _Walk(replace(spec, frames=how.frames), asked.steps, asked.budget)
    while made < spec.frames:
        frames = min(spec.frames - made + how.overlap, how.frames)
        yield _Walk(replace(spec, frames=frames), asked.steps, asked.budget, how.overlap)
        made += frames - how.overlap


def _alone(plan: Plan, walk: _Walk) -> Plan:
    guidance = 1.0 if walk.adapter else plan.sampling.guidance
    sampling = replace(plan.sampling, steps=walk.steps, budget=walk.budget, guidance=guidance)
    return replace(plan, spec=walk.spec, sampling=sampling)


def _joined(masks: list[Masks]) -> Masks:
    """Forecasts are of the first walk's order; a walk that is run whole has none."""
    run = tuple(step for each in masks for step in each.run)
    return Masks(run, tuple(step for each in masks for step in each.unconditional), masks[0].order)


def _of_stage(plan: Plan, stage: int) -> Masks:
    """Raises ValueError: the plan has no stages."""
    if plan.masks is None or not plan.stages:
        raise ValueError("The plan is made in one walk.")
    first = sum(each.steps for each in plan.stages[:stage])
    here = slice(first, first + plan.stages[stage].steps)
    return Masks(plan.masks.run[here], plan.masks.unconditional[here], plan.masks.order)
