"""A request with all its wishes comes in; its style is found, its prompt enhanced, and the whole plan goes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.errors import InvalidRequest
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN, Pace
from app.plan.feedback.feedback import Place
from app.plan.planner import Limits, make_plan
from app.plan.postprocessing import PostprocessingLimits
from app.plan.prompt.enhance import Enhancer, enhanced
from app.plan.prompt.understand import Reader
from app.plan.styles.lookup import find_style
from app.plan.styles.presets import Presets
from app.plan.styles.styles import StyledRequest, apply
from app.plan.tables import Tables
from app.types import Caller, Plan, VideoRequest


@dataclass(frozen=True, slots=True)
class PlanningContext:
    """What planning needs beside the request."""

    catalogue: Catalogue
    limits: Limits
    presets: Presets
    enhancer: Enhancer
    draw_seed: Callable[[], int]
    tables: Tables
    readers: Mapping[str, Reader] = field(default_factory=dict)  # of models of few words
    frames: PostprocessingLimits = field(default_factory=PostprocessingLimits)


async def draft(
    request: VideoRequest,
    caller: Caller,
    context: PlanningContext,
    paces: Mapping[str, Pace],
    leanings: Mapping[Place, float],
) -> Plan:
    """The plan: first the style is looked up (a wrong name costs nothing), then the prompt enhanced, then dressed.

    `paces`: what replicas of each model have measured, by its id; `leanings`: how ratings move budgets.

    Raises:
        InvalidRequest: a field is out of bounds, or there is no such style; `param` names it.
        ModelNotFound: no such model.
        StoreUnavailable: the style is a preset and the store is away.
    """
    model = context.catalogue.find(request.model)
    style = None if request.style is None else await find_style(request.style, caller, context.presets)
    better = await enhanced(request, model.id, context.enhancer, context.limits.max_prompt_chars)
    asked = StyledRequest(better.request) if style is None else apply(style, better.request)
    pace = paces.get(model.id, UNKNOWN)
    try:
        plan = make_plan(
            asked.request,
            context.catalogue,
            context.limits,
            pace,
            context.draw_seed,
            context.tables,
            leanings,
            context.readers,
            context.frames,
        )
    except InvalidRequest as error:
        raise asked.blamed(error) from error
    return better.marked(asked.marked(plan))
