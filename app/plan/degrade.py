"""A plan that would be late comes in; where the request allows it, a quicker one goes out, which admits it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.plan.tiers import TIERS
from app.types import Plan, VideoRequest


async def in_time(
    request: VideoRequest,
    asked: Plan,
    expected_s: Callable[[Plan], float],
    replan: Callable[[VideoRequest], Awaitable[Plan]],
) -> Plan:
    """The best tier that is expected to meet the deadline, else the lowest; the plan itself where nothing may change.

    `expected_s`: seconds until a job of that plan would be done, with all that waits before it.
    """
    late_s, plan, deadline_s = expected_s(asked), asked, request.wishes.deadline_s
    if deadline_s is None or late_s <= deadline_s:
        return asked
    for tier in lower_tiers(request, asked):
        plan = await replan(replace(request, tier=tier))
        if expected_s(plan) <= deadline_s:
            break
    return asked if plan is asked else admitting(plan, asked, late_s, deadline_s)


def lower_tiers(request: VideoRequest, plan: Plan) -> tuple[str, ...]:
    """The tiers below the plan's, the best first; none unless allowed, or where the request names its steps."""
    if not request.allow_degrade or request.steps is not None or request.budget is not None:
        return ()
    names = tuple(TIERS)
    return tuple(reversed(names[: names.index(plan.tier)]))


def admitting(plan: Plan, asked: Plan, late_s: float, deadline_s: float) -> Plan:
    """The plan of a lower tier, saying what was asked and why this is used."""
    reason = (
        f"{asked.tier.capitalize()} was asked for, but would take about {late_s:.1f} s with all that waits, longer "
        f"than the deadline of {deadline_s:g} s: {plan.tier} is used, which the request allows."
    )
    return replace(plan, asked_tier=asked.asked_tier, why=replace(plan.why, reasons=(*plan.why.reasons, reason)))
