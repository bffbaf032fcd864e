"""A request and its model come in; how strongly, where on the walk and in which way it is guided goes out, checked."""

from __future__ import annotations

from typing import Final

from app.errors import InvalidRequest, UnsupportedParameter
from app.plan.tiers import Choice
from app.types import GuidanceRule, ModelProfile, TierOfModel, VideoRequest

LEAST_GUIDANCE: Final = 1.0
MOST_GUIDANCE: Final = 20.0
START, STOP, ZERO_STAR, ZERO_STEPS = "guidance_start", "guidance_stop", "cfg_zero_star", "zero_init_steps"
FIELDS: Final = (START, STOP, ZERO_STAR, ZERO_STEPS)
"""The fields of a request that make a rule of guidance, by their names in both the request and its record."""
FIRST_STEPS: Final = 1
"""Steps without velocity that CFG-Zero* begins with, unless a request says how many: as diffusers has it."""


def guidance_of(request: VideoRequest, model: ModelProfile, choice: Choice) -> float:
    """How closely the prompt is followed; 1: freely. Raises InvalidRequest."""
    if model.guided_by == "nothing":
        return 1.0
    return _checked(request.guidance, "guidance", model.guidance * choice.guidance_gain)


def guidance_2_of(request: VideoRequest, model: ModelProfile, choice: Choice) -> float | None:
    """The same of a second expert, where the model has one. Raises InvalidRequest, UnsupportedParameter."""
    if model.guidance_2 is None:
        if request.guidance_2 is not None:
            raise UnsupportedParameter(f"{model.id} has no second expert to guide.", "guidance_scale_2")
        return None
    return _checked(request.guidance_2, "guidance_scale_2", model.guidance_2 * choice.guidance_gain)


def asked_of(request: VideoRequest) -> tuple[str, ...]:
    """The fields about the rule of guidance that a request has."""
    return tuple(name for name in FIELDS if getattr(request, name) is not None)


def rule_of(
    request: VideoRequest, model: ModelProfile, tier: TierOfModel | None, steps: int, guidance: float
) -> GuidanceRule | None:
    """Where there is guidance and how its passes become one, by the request, else by its tier; None: the usual way.

    Without any guidance, at a scale of 1, there is nothing to rule.

    Raises:
        InvalidRequest: a share or a count out of bounds, or beside a step cache.
        UnsupportedParameter: the model has no unconditional pass, or more than that one.
    """
    asked = asked_of(request)
    if asked:
        _check_model(request, model, asked[0])
    usual = GuidanceRule() if tier is None or tier.rule is None else tier.rule
    found = GuidanceRule(
        _share(request.guidance_start, START, usual.start),
        _share(request.guidance_stop, STOP, usual.stop),
        usual.zero_star if request.cfg_zero_star is None else request.cfg_zero_star,
        _zero_steps(request, usual, steps),
    )
    if found.start >= found.stop:
        raise InvalidRequest("guidance_stop must be more than guidance_start.", STOP)
    return None if guidance == 1 or request.step_cache or found == GuidanceRule() else found


def _check_model(request: VideoRequest, model: ModelProfile, name: str) -> None:
    if model.guided_by != "negative":
        raise UnsupportedParameter(f"{model.id} has no unconditional pass, so that no step can leave it out.", name)
    if model.own_guidance and (request.cfg_zero_star or request.zero_init_steps):
        own = ZERO_STAR if request.cfg_zero_star else ZERO_STEPS
        raise UnsupportedParameter(f"{model.id} is guided by more passes than one, in its own way.", own)
    if request.step_cache:
        told = "A step cache goes by what it saw in both passes of the steps before; leave one of the two out."
        raise InvalidRequest(told, name, "conflicting_parameters")


def _share(asked: float | None, name: str, usual: float) -> float:
    if asked is None:
        return usual
    if not 0.0 <= asked <= 1.0:  # NaN falls out too
        raise InvalidRequest(f"{name} is a share of the steps, 0 to 1.", name)
    return float(asked)


def _zero_steps(request: VideoRequest, usual: GuidanceRule, steps: int) -> int:
    asked = request.zero_init_steps
    zero_star = usual.zero_star if request.cfg_zero_star is None else request.cfg_zero_star
    if asked is None:
        known = usual.zero_steps if usual.zero_star else FIRST_STEPS
        return min(known, steps - 1) if zero_star else 0
    if asked and not zero_star:
        raise InvalidRequest("zero_init_steps belongs to cfg_zero_star, which is not asked for.", ZERO_STEPS)
    if not 0 <= asked < steps:
        raise InvalidRequest(f"zero_init_steps must be 0 to {steps - 1}, fewer than the steps.", ZERO_STEPS)
    return int(asked)


def _checked(asked: float | None, param: str, usual: float) -> float:
    if asked is None:
        return min(MOST_GUIDANCE, max(LEAST_GUIDANCE, round(usual, 3)))
    if not LEAST_GUIDANCE <= asked <= MOST_GUIDANCE:  # NaN falls out too
        raise InvalidRequest(f"guidance must be {LEAST_GUIDANCE:g} to {MOST_GUIDANCE:g}.", param=param)
    return float(asked)
