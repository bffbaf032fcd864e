"""A plan comes in; what it decides, why, and what it saves go out as the JSON of `/api/optimization/analyze`."""

from __future__ import annotations

from typing import TypedDict

from app.plan.prompt.complexity import FIXED_STEPS
from app.types import Plan


class FactorFound(TypedDict):
    """What one factor adds to the score, and the words that did it."""

    name: str
    score: int
    found: list[str]


class Description(TypedDict):
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
    fixed_default_steps: int
    fixed_default_seconds: float
    steps_saved_share: float
    reasons: list[str]


def describe(plan: Plan) -> Description:
    """The planner's part of a reply, ready for JSON; also the `optimization` object of a video.

    Seconds are those of an idle replica. `steps_saved_share` compares the budget with the fixed default of 50 steps and
    is negative for a request that asks for more.
    """
    sampling, spec, predicted = plan.sampling, plan.spec, plan.estimate
    overhead_s = predicted.seconds - predicted.step_seconds
    return {
        "model": plan.model,
        "pool": plan.pool,
        "size": spec.size,
        "frames": spec.frames,
        "fps": spec.fps,
        "seconds": round(spec.seconds, 3),
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
        "fixed_default_steps": FIXED_STEPS,
        "fixed_default_seconds": round(predicted.step_seconds / sampling.budget * FIXED_STEPS + overhead_s, 3),
        "steps_saved_share": round(1.0 - sampling.budget / FIXED_STEPS, 4),
        "reasons": list(plan.why.reasons),
    }
