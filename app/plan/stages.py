"""A plan of one walk comes in; where its model makes videos in several, that goes out, with masks for all; pure.

Two kinds of models do. One makes a video small, enlarges its latent and refines that (HaCohen et al., "LTX-2"); one
makes a long video in segments, each from the last frames of the one before, which have no noise (Chen et al.,
"SkyReels-V2", arXiv 2504.13074). All walks are steps of the one job: its progress, its checkpoints and its cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from app.errors import InvalidRequest, UnsupportedParameter
from app.plan.forcing import staggered
from app.plan.masks.mask import walk_evaluations
from app.plan.masks.table import MaskTable, with_masks
from app.types import Masks, ModelProfile, Plan, Refined, Segments, Stage, VideoSpec


@dataclass(frozen=True, slots=True)
class _Walk:
    stage: Stage
    budget: int

    @property
    def spec(self) -> VideoSpec:
        return self.stage.spec

    @property
    def steps(self) -> int:
        return self.stage.steps

    @property
    def adapter(self) -> str:
        return self.stage.adapter


def in_stages(plan: Plan, model: ModelProfile, tables: Mapping[str, MaskTable]) -> Plan:
    """The plan with masks, and with the stages that its model makes it in, if there are any.

    What it came with, steps and budget, is that of a segment, or of both walks of a refined video together. A rule of
    guidance is one of noise levels, and each walk goes down all of them: so it holds in each, by shares of the walk's
    own steps, as one of diffusers' guiders would in each call of the pipeline. A walk of few steps has no guidance.

    Raises:
        InvalidRequest: too few steps, or too small a budget, for all walks.
        UnsupportedParameter: noise levels of a few-step method.
    """
    walks, one_pass = list[_Walk](), model.guided_by != "negative"
    forced = bool(plan.sampling.ar_step or plan.sampling.causal_block)
    told, full_run = "", plan.full_run
    if model.refined is not None:
        walks = list(_refined(plan, model.refined))
        told = (
            f"It is made at {walks[0].spec.size} in {walks[0].steps} steps, enlarged, and refined in {walks[1].steps}."
        )
    elif model.segments is not None and (forced or plan.spec.frames > model.segments.frames):
        walks = list(_segments(plan, model.segments))
        frames, steps = model.segments.frames, walks[0].steps
        told = f"It is made in {len(walks)} segments of {frames} frames at most, each in {steps} steps."
        if plan.sampling.ar_step:
            told += f" Each block of latent frames lags {plan.sampling.ar_step} steps behind the one before."
        full_run *= len(walks)
    if not walks:
        return with_masks(plan, tables, one_pass)
    _check_still(plan, walks)
    if plan.sampling.levels:
        raise UnsupportedParameter("A video that is made in stages has noise levels of its own.", "tier")
    masks = [with_masks(_alone(plan, walk), tables, one_pass).masks for walk in walks]
    joint = _joined([each for each in masks if each is not None])
    return replace(
        plan,
        sampling=replace(plan.sampling, steps=joint.steps, budget=joint.budget),
        masks=joint,
        stages=tuple(walk.stage for walk in walks),
        full_run=max(full_run, joint.budget),
        why=replace(plan.why, reasons=(*plan.why.reasons, told, *_told_of_guidance(plan, walks))),
    )


def walk_of(plan: Plan, stage: int) -> Plan:
    """One of the stages as a plan of its own; the plan itself where it has none."""
    if not plan.stages:
        return plan
    masks, here = _of_stage(plan, stage), plan.stages[stage]
    sampling = replace(plan.sampling, steps=masks.steps, budget=masks.budget)
    if here.adapter:
        sampling = replace(sampling, guidance=1.0, rule=None)
    first = sum(each.steps for each in plan.stages[:stage])
    worn = plan.adapters_at(first)
    return replace(plan, spec=here.spec, sampling=sampling, masks=masks, adapters=worn, stages=())


def work_of(plan: Plan) -> tuple[tuple[VideoSpec, float], ...]:
    """Shape and guided evaluations of each stage; nothing for a plan without any."""
    walks = (walk_of(plan, place) for place in range(len(plan.stages)))
    return tuple((walk.stepped, walk_evaluations(walk)) for walk in walks)


def _refined(plan: Plan, how: Refined) -> Iterator[_Walk]:
    asked, spec = plan.sampling, plan.spec
    if asked.steps <= how.steps:
        message = f"Its last {how.steps} steps refine the video: it takes at least {how.steps + 1}."
        raise InvalidRequest(message, "num_inference_steps")
    if asked.budget <= how.steps:
        raise InvalidRequest(f"Its last {how.steps} steps are all run: budget must be above {how.steps}.", "budget")
    small = replace(spec, width=spec.width // how.shrink, height=spec.height // how.shrink)
    yield _Walk(Stage(small, asked.steps - how.steps), asked.budget - how.steps)
    yield _Walk(Stage(spec, how.steps, adapter=how.adapter), how.steps)


def _segments(plan: Plan, how: Segments) -> Iterator[_Walk]:
    asked, spec, made = plan.sampling, plan.spec, 0
    while made < spec.frames:
        given = how.overlap if made else 0
        frames = min(spec.frames - made + given, how.frames)
        stage = staggered(plan, how, Stage(replace(spec, frames=frames), asked.steps, given), asked.steps)
        yield _Walk(stage, _budget(plan, stage))
        made += frames - given


def _budget(plan: Plan, stage: Stage) -> int:
    """All steps of a stage whose frames are at levels of their own: no line leads through them to a forecast."""
    if not stage.own_steps:
        return plan.sampling.budget
    if plan.sampling.budget < plan.sampling.steps and not plan.by_planner:
        raise UnsupportedParameter("With ar_step every step is run: leave budget out.", "budget")
    return stage.steps


def _alone(plan: Plan, walk: _Walk) -> Plan:
    sampling = replace(plan.sampling, steps=walk.steps, budget=walk.budget)
    if walk.adapter:
        sampling = replace(sampling, guidance=1.0, rule=None)
    return replace(plan, spec=walk.spec, sampling=sampling)


def _check_still(plan: Plan, walks: Iterable[_Walk]) -> None:
    """Refuse a walk that would stand still to its end."""
    least = min(walk.steps for walk in walks if not walk.adapter)
    if plan.sampling.zero_steps >= least:
        raise InvalidRequest(f"Its shortest walk has {least} steps: zero_init_steps must be fewer.", "zero_init_steps")


def _told_of_guidance(plan: Plan, walks: Sequence[_Walk]) -> Iterator[str]:
    if plan.sampling.rule is None:
        return
    where = "its first walk alone" if any(walk.adapter for walk in walks) else "each of its walks"
    yield f"Its rule of guidance holds in {where}, by the shares of that walk's own steps."


def _joined(masks: list[Masks]) -> Masks:
    """Forecasts are of the first walk's order; a walk that is run whole has none."""
    run = tuple(step for each in masks for step in each.run)
    free = tuple(step for each in masks for step in each.unconditional)
    return Masks(run, free, masks[0].order, late_guidance=_late(free))


def _of_stage(plan: Plan, stage: int) -> Masks:
    """Raises ValueError: the plan has no stages."""
    if plan.masks is None or not plan.stages:
        raise ValueError("The plan is made in one walk.")
    first = sum(each.steps for each in plan.stages[:stage])
    here = slice(first, first + plan.stages[stage].steps)
    free = plan.masks.unconditional[here]
    return Masks(plan.masks.run[here], free, plan.masks.order, late_guidance=_late(free))


def _late(unconditional: Sequence[bool]) -> bool:
    """Whether guidance begins behind the first step, where it is at all."""
    return any(unconditional) and not unconditional[0]
