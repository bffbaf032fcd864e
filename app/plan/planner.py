"""A request comes in, the Plan goes out: prompt, shape, complexity, tier, steps, guidance, seed, estimate; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from rapidfuzz import process

from app.errors import InvalidRequest
from app.plan.complexity import analyse
from app.plan.cost import estimate
from app.plan.models import Catalogue
from app.plan.prompt import normalised, required
from app.plan.seed import settle
from app.plan.shape import shape
from app.plan.tiers import MOST_STEPS, Choice, choose
from app.types import Analysis, Estimate, ModelProfile, Plan, Sampling, VideoRequest, VideoSpec

LEAST_GUIDANCE, MOST_GUIDANCE = 1.0, 20.0


class Limits(Protocol):
    """What the planner needs of the settings."""

    @property
    def max_prompt_chars(self) -> int:
        """Longer prompts are refused."""
        ...

    @property
    def price_per_device_hour(self) -> float | None:
        """Money per hour of one device; None: no costs."""
        ...


def make_plan(
    request: VideoRequest,
    catalogue: Catalogue,
    limits: Limits,
    step_s: float | None,
    draw_seed: Callable[[], int],
    evaluations: Callable[[Plan], float] = lambda plan: plan.sampling.budget,
) -> Plan:
    """Decide everything about one video. The same request gets the same plan, unless it asks for a fresh seed.

    `step_s`: measured seconds of a guided step at the model's default shape, None for the profile's own figure.
    `draw_seed`: gives fresh seeds, 0..2**31-1.
    `evaluations`: what a plan's denoising costs in guided evaluations; less than its budget where the model's masks
    leave out unconditional passes.

    Raises:
        InvalidRequest: a field is out of bounds; `param` names it.
        ModelNotFound: no such model.
    """
    # 1. What is asked, of which model
    model = catalogue.find(request.model)
    prompt = required(request.prompt, limits.max_prompt_chars)
    negative = normalised(request.negative_prompt, limits.max_prompt_chars, "negative_prompt")
    spec = shape(request, model)
    # 2. How much work it needs
    why = analyse(prompt)
    choice = choose(request.tier, why.complexity)
    steps = _steps(request, choice)
    # 3. How it is sampled
    seed = settle(request.seed, (model.id, prompt, negative), spec, draw_seed)
    sampling = Sampling(
        steps=steps,
        budget=_budget(request, steps),
        guidance=_guidance(request, model, choice),
        seed=seed,
        sampler=_sampler(request, model),
        shift=model.shift,
        deterministic=request.deterministic,
    )
    plan = Plan(
        model=model.id,
        revision=model.revision,
        prompt=prompt,
        negative_prompt=negative,
        spec=spec,
        sampling=sampling,
        tier=choice.tier,
        asked_tier=request.tier.strip(),
        pool=model.pool,
        estimate=Estimate(0.0, 0.0),
        why=_explained(why, request, choice, spec),
    )
    # 4. What that costs
    cost = estimate(model, spec, evaluations(plan), step_s, limits.price_per_device_hour)
    return replace(plan, estimate=cost)


def _steps(request: VideoRequest, choice: Choice) -> int:
    if request.steps is None:
        return choice.steps
    if not 1 <= request.steps <= MOST_STEPS:
        raise InvalidRequest(f"steps must be 1 to {MOST_STEPS}.", param="steps")
    return request.steps


def _budget(request: VideoRequest, steps: int) -> int:
    """How many of the steps run the denoiser: all, unless the request says fewer."""
    if request.budget is None:
        return steps
    if not 1 <= request.budget <= steps:
        raise InvalidRequest(f"budget must be 1 to the number of steps, {steps}.", param="budget")
    return request.budget


def _sampler(request: VideoRequest, model: ModelProfile) -> str:
    if request.sampler is None:
        return model.samplers[0]
    if request.sampler not in model.samplers:
        near = process.extractOne(request.sampler[:40], model.samplers, score_cutoff=60.0)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        message = f"{model.id} has no sampler {request.sampler[:40]!r}.{hint} Samplers are {', '.join(model.samplers)}."
        raise InvalidRequest(message, param="sampler", code="unknown_sampler")
    return request.sampler


def _guidance(request: VideoRequest, model: ModelProfile, choice: Choice) -> float:
    if request.guidance is None:
        return min(MOST_GUIDANCE, max(LEAST_GUIDANCE, round(model.guidance * choice.guidance_gain, 3)))
    if not LEAST_GUIDANCE <= request.guidance <= MOST_GUIDANCE:  # NaN falls out too
        raise InvalidRequest(f"guidance must be {LEAST_GUIDANCE:g} to {MOST_GUIDANCE:g}.", param="guidance")
    return float(request.guidance)


def _explained(why: Analysis, request: VideoRequest, choice: Choice, spec: VideoSpec) -> Analysis:
    """The analysis, with what the request itself decided."""
    reasons = [*why.reasons, choice.reason]
    if request.steps is not None:
        reasons.append(f"The request asks for {request.steps} steps, which comes before the tier's {choice.steps}.")
    if request.budget is not None:
        reasons.append(f"The request asks for a budget of {request.budget} of them; the others are forecast.")
    if request.deterministic:
        reasons.append("Deterministic: it shares no forward, so that its bits do not depend on other jobs.")
    if request.seconds is not None and request.frames is None:
        reasons.append(
            f"{request.seconds:g} s are made as {spec.frames} frames at {spec.fps} a second: {spec.seconds:.2f} s."
        )
    return replace(why, reasons=tuple(reasons))
