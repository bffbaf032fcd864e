"""What a request says of its sampling comes in; the sampler, its schedule, its guidance and its seed go out."""

from __future__ import annotations

from typing import Final

from app.errors import InvalidRequest, UnsupportedParameter
from app.plan import forcing
from app.plan.catalogue import within
from app.plan.guidance import guidance_2_of, guidance_of, rule_of
from app.plan.step_budget import StepBudget
from app.plan.suggest import did_you_mean
from app.plan.tiers import Choice
from app.types import ModelProfile, Sampling, TierOfModel, VideoRequest

LEAST_SHIFT, MOST_SHIFT, SHIFT = 0.1, 100.0, "flow_shift"
SAMPLER: Final = "sampler"


def sampling_of(
    request: VideoRequest, model: ModelProfile, choice: Choice, work: StepBudget, cache: str, seed: int
) -> Sampling:
    """How the noise is walked down.

    A tier's own noise levels are those of its few-step method: they are walked where its steps, its sampler and its
    shift are, and all of its steps run.

    Raises:
        InvalidRequest: unknown sampler, or a number out of bounds.
        UnsupportedParameter: what the model cannot have.
    """
    here = within(model, choice.tier)
    tier = tier_of(model, choice.tier)
    guidance, sampler, shift = guidance_of(request, here, choice), _sampler(request, here), shift_of(request, here)
    levels = () if tier is None else tier.levels
    lag, block = forcing.asked_of(request, model)
    walked = len(levels) == work.steps == work.budget and sampler == here.samplers[0] and shift == here.shift
    return Sampling(
        steps=work.steps,
        budget=work.budget,
        guidance=guidance,
        seed=seed,
        sampler=sampler,
        shift=shift,
        deterministic=request.deterministic,
        step_cache=cache,
        guidance_2=guidance_2_of(request, here, choice),
        rule=rule_of(request, model, tier, work.steps, guidance),
        levels=levels if walked and not cache else (),
        ar_step=lag,
        causal_block=block,
    )


def tier_of(model: ModelProfile, tier: str) -> TierOfModel | None:
    """How the model departs from the table in a tier, if it does."""
    return next((each for each in model.tiers if each.tier == tier), None)


def shift_of(request: VideoRequest, model: ModelProfile) -> float:
    """The flow shift. Raises InvalidRequest, UnsupportedParameter."""
    if request.shift is None or request.shift == model.shift:
        return model.shift
    if model.shift_fixed:
        raise UnsupportedParameter(f"{model.id} has a flow shift of its own, which no request changes.", SHIFT)
    if not LEAST_SHIFT <= request.shift <= MOST_SHIFT:  # NaN falls out too
        raise InvalidRequest(f"flow_shift must be {LEAST_SHIFT:g} to {MOST_SHIFT:g}.", SHIFT)
    return float(request.shift)


def _sampler(request: VideoRequest, model: ModelProfile) -> str:
    if request.sampler is None:
        return model.samplers[0]
    if request.sampler not in model.samplers:
        hint = did_you_mean(request.sampler, model.samplers)
        message = f"{model.id} has no sampler {request.sampler[:40]!r}.{hint} Samplers are {', '.join(model.samplers)}."
        raise InvalidRequest(message, param=SAMPLER, code="unknown_sampler")
    return request.sampler
