"""Plans of a moment ago come back without being made again: in front of the planner, in each router."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from app.plan.seed import FRESH
from app.types import CacheMode, Caller, Plan, VideoRequest

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
        self._kept_s = kept_s
        self._most = most
        self._clock = clock
        self._plans: OrderedDict[tuple[VideoRequest, Caller], tuple[float, Plan]] = OrderedDict()

    async def plan(self, request: VideoRequest, caller: Caller) -> Plan:
        """Raises what the planner raises; refusals are not kept."""
        if request.seed == FRESH or request.enhance or request.style is not None:
            return await self._planner.plan(request, caller)
        key = _as_planned(request), caller
        made_at, plan = self._plans.get(key, (float("-inf"), None))
        if plan is None or self._clock() - made_at > self._kept_s:
            plan = await self._planner.plan(request, caller)
            self._plans[key] = (self._clock(), plan)
            self._plans.move_to_end(key)
            if len(self._plans) > self._most:
                self._plans.popitem(last=False)
        return plan


def _as_planned(request: VideoRequest) -> VideoRequest:
    """The request without what says nothing about the video."""
    return replace(
        request,
        cache=CacheMode.USE,
        cache_ttl_s=None,
        similar=False,
        priority="",
        deadline_s=None,
        preview=False,
        user=None,
        remixed_from=None,
        webhook=None,
        after=(),
    )
