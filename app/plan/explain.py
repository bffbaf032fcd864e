"""A plan comes in; what it decides, why, and what it saves go out as the JSON of `/api/optimization/analyze`."""

from __future__ import annotations

from typing import TypedDict

from app.plan.savings import savings
from app.types import OFF, OWN, STUDENT, GuidanceRule, Plan, Understood


class FactorFound(TypedDict):
    """What one factor adds to the score, and the words that did it."""

    name: str
    score: int
    found: list[str]


class LoraWorn(TypedDict):
    """A LoRA adapter that acts, and how strongly."""

    name: str
    strength: float


class WordTold(TypedDict):
    """Words of the prompt, and what they mean to the model."""

    text: str
    meaning: str


class Reading(TypedDict):
    """The words that a model of few words knows, and those that it does not."""

    known: list[WordTold]
    unknown: list[str]


class WarningTold(TypedDict):
    """What will not be as asked, and the field that it is about."""

    code: str
    message: str
    param: str | None


class Made(TypedDict):
    """What the model makes of the video, and what then becomes of it."""

    size_made: str
    frames_made: int
    fps_made: int
    interpolate: str
    upscale: int


class DraftTold(TypedDict):
    """What is shown first, and how far the plan may go on from it."""

    evaluations: int
    from_step: int
    noise_level: float
    calibrated: bool


class StageTold(TypedDict):
    """One of several walks that a video is made in."""

    size: str
    frames: int
    steps: int


class RuleTold(TypedDict):
    """Where on the walk there is guidance, and in which way."""

    start: float
    stop: float
    cfg_zero_star: bool
    zero_init_steps: int


class Description(Made):
    """What is told of a plan, as JSON: the planner's part of a reply; seconds are those of an idle replica."""

    model: str
    pool: str
    size: str
    frames: int
    fps: int
    seconds: float
    complexity_score: int
    complexity: str
    factors: list[FactorFound]
    tier: str
    asked_tier: str
    steps: int
    budget: int
    sampler: str
    deterministic: bool
    step_cache: str | None
    guidance: float
    weights: str
    draft: DraftTold | None
    sound: bool
    stages: list[StageTold]
    flow_shift: float
    guidance_rule: RuleTold | None
    noise_levels: list[float]
    loras: list[LoraWorn]
    seed: int
    estimated_step_seconds: float
    estimated_seconds: float
    estimated_cost: float
    estimated_device_seconds: float
    estimated_energy_wh: float
    calibrated: bool
    written_prompt: str | None
    style: str | None
    enhanced: bool
    evaluations: int
    fixed_default_steps: int
    fixed_default_seconds: float
    steps_saved_share: float
    reasons: list[str]
    understood: Reading | None
    warnings: list[WarningTold]


def describe(plan: Plan) -> Description:
    """The planner's part of a reply, ready for JSON; also the `optimization` object of a video.

    Seconds are those of an idle replica. What is saved is told of evaluations, against the model's own full run, or all
    steps that the request asks for, if they are more: never less than nothing.
    """
    sampling, spec, predicted, understood = plan.sampling, plan.whole, plan.estimate, plan.understood
    overhead_s, spared = predicted.seconds - predicted.step_seconds, savings(plan)
    return {
        "model": plan.model,
        "pool": plan.pool,
        "size": spec.size,
        "frames": spec.frames,
        "fps": spec.fps,
        "seconds": round(spec.seconds, 3),
        **_made(plan),
        "complexity_score": plan.why.score,
        "complexity": plan.why.complexity,
        "factors": [
            {"name": factor.name, "score": factor.score, "found": list(factor.found)} for factor in plan.why.factors
        ],
        "tier": plan.tier,
        "asked_tier": plan.asked_tier,
        "steps": sampling.steps,
        "budget": sampling.budget,
        "sampler": sampling.sampler,
        "deterministic": sampling.deterministic,
        "step_cache": sampling.step_cache or None,
        "guidance": sampling.guidance,
        "weights": OWN if plan.student is None else STUDENT,
        "draft": _draft(plan),
        "sound": plan.sound,
        "stages": [{"size": each.spec.size, "frames": each.spec.frames, "steps": each.steps} for each in plan.stages],
        "flow_shift": sampling.shift,
        "guidance_rule": told_rule(sampling.rule),
        "noise_levels": list(sampling.levels),
        "loras": [{"name": name, "strength": strength} for name, strength in plan.loras],
        "seed": sampling.seed,
        "estimated_step_seconds": round(predicted.step_seconds, 3),
        "estimated_seconds": round(predicted.seconds, 3),
        "estimated_cost": predicted.cost or 0.0,
        "estimated_device_seconds": round(predicted.device_seconds, 3),
        "estimated_energy_wh": round(predicted.energy_wh or 0.0, 5),
        "calibrated": plan.calibrated,
        "written_prompt": plan.written,
        "style": plan.style,
        "enhanced": plan.enhanced,
        "evaluations": spared.run,
        "fixed_default_steps": spared.full,
        "fixed_default_seconds": round(predicted.step_seconds / spared.run * spared.full + overhead_s, 3),
        "steps_saved_share": round(spared.share, 4),
        "reasons": list(plan.why.reasons),
        "understood": None if understood is None else _told(understood),
        "warnings": [{"code": each.code, "message": each.message, "param": each.param} for each in plan.warnings],
    }


def _made(plan: Plan) -> Made:
    spec, more = plan.spec, plan.postprocessing
    return {
        "size_made": spec.size,
        "frames_made": spec.frames,
        "fps_made": spec.fps,
        "interpolate": OFF if more is None else more.interpolate,
        "upscale": 1 if more is None else more.upscale,
    }


def told_rule(rule: GuidanceRule | None) -> RuleTold | None:
    """Where there is guidance, and in which way, as JSON."""
    if rule is None:
        return None
    return {
        "start": rule.start,
        "stop": rule.stop,
        "cfg_zero_star": rule.zero_star,
        "zero_init_steps": rule.zero_steps,
    }


def _draft(plan: Plan) -> DraftTold | None:
    draft = plan.draft
    if draft is None:
        return None
    return {
        "evaluations": draft.sampling.budget,
        "from_step": draft.step,
        "noise_level": draft.level,
        "calibrated": draft.calibrated,
    }


def _told(understood: Understood) -> Reading:
    known: list[WordTold] = [{"text": each.text, "meaning": each.meaning} for each in understood.known]
    return {"known": known, "unknown": list(understood.unknown)}
