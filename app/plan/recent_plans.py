"""Plans of a moment ago come back without being made again: in front of the planner, in each router."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from cachetools import TTLCache

from app.plan.seed import FRESH
from app.types import Caller, Plan, VideoRequest, Wishes

KEPT_S = 15.0  # about as old as the step times and ratings that plans are made with may be
MOST = 1024


class Planner(Protocol):
    """Makes plans. Raises InvalidRequest and its kin."""

    async def plan(self, request: VideoRequest, caller: Caller) -> Plan: ...


class RememberingPlanner:
    """A planner that answers the same request of the same tenant with the same plan for a while.

    Not what asks for chance or may change at any moment: a fresh seed, an expanded prompt, a style of one's own.
    """

    def __init__(
        self, planner: Planner, kept_s: float = KEPT_S, most: int = MOST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._planner = planner
        self._plans: TTLCache[tuple[VideoRequest, Caller], Plan] = TTLCache(most, kept_s, clock)

    async def plan(self, request: VideoRequest, caller: Caller) -> Plan:
        """Raises what the planner raises; refusals are not kept."""
        if request.seed == FRESH or request.enhance or request.style is not None:
            return await self._planner.plan(request, caller)
        key = _as_planned(request), caller
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = await self._planner.plan(request, caller)
        return plan


def _as_planned(request: VideoRequest) -> VideoRequest:
    """The request without what says nothing about the video."""
    return replace(request, wishes=Wishes())
