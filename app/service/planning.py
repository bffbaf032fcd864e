"""A request comes in; the plan that it gets now goes out, a lower tier where it may be and time is short."""

from __future__ import annotations

from app.jobs.board import BACKLOG
from app.line.backlog import backlog_from_note
from app.line.wait_estimates import expected_of_new
from app.plan.degrade import in_time
from app.plan.inputs import bare
from app.plan.unheeded import about_wishes
from app.service.ports import Ports
from app.types import Caller, Plan, VideoRequest


async def plan_of(request: VideoRequest, caller: Caller, ports: Ports) -> Plan:
    """Raises InvalidRequest and its kin."""
    request = bare(request)
    plan = await ports.planner.plan(request, caller)
    if request.allow_degrade:
        backlog = backlog_from_note(await ports.board.get(BACKLOG))
        plan = await in_time(
            request,
            plan,
            expected_s=lambda each: expected_of_new(backlog, each, caller.tenant, request.wishes.priority),
            replan=lambda lower: ports.planner.plan(lower, caller),
        )
    return about_wishes(request, plan)
