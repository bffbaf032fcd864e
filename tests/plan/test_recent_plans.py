from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.errors import InvalidRequest
from app.plan.recent_plans import RememberingPlanner
from app.types import Caller, Plan, VideoRequest, Webhook, Wishes
from tests.plan.conftest import plan_for

pytestmark = pytest.mark.anyio
ANN = Caller("ann")
BALL = VideoRequest("a red ball")


class Counting:
    """A planner that counts, and refuses what is empty."""

    def __init__(self) -> None:
        self.asked = 0

    async def plan(self, request: VideoRequest, caller: Caller) -> Plan:
        self.asked += 1
        if not request.prompt:
            raise InvalidRequest("Say something.", "prompt")
        return plan_for(request.prompt)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def remembering(**more: Any) -> tuple[RememberingPlanner, Counting, Clock]:
    counting, clock = Counting(), Clock()
    return RememberingPlanner(counting, clock=clock, **more), counting, clock


async def test_the_same_request_is_planned_once_until_its_plan_is_old() -> None:
    planner, counting, clock = remembering()
    plan = await planner.plan(BALL, ANN)
    assert await planner.plan(BALL, ANN) is plan
    clock.now = 16.0
    assert await planner.plan(BALL, ANN) == plan
    assert counting.asked == 2


async def test_what_says_nothing_about_the_video_makes_no_other_plan() -> None:
    planner, counting, _ = remembering()
    await planner.plan(BALL, ANN)
    await planner.plan(
        replace(BALL, wishes=Wishes(priority="high", user="u", webhook=Webhook("https://example.com"))), ANN
    )
    assert counting.asked == 1


@pytest.mark.parametrize(
    "other", [replace(BALL, steps=9), replace(BALL, seed=3), replace(BALL, deterministic=True), VideoRequest("a box")]
)
async def test_another_request_is_another_plan(other: VideoRequest) -> None:
    planner, counting, _ = remembering()
    await planner.plan(BALL, ANN)
    await planner.plan(other, ANN)
    await planner.plan(BALL, Caller("bob"))
    assert counting.asked == 3


@pytest.mark.parametrize("chance", [replace(BALL, seed=-1), replace(BALL, enhance=True), replace(BALL, style="my-own")])
async def test_chance_and_what_may_change_is_never_remembered(chance: VideoRequest) -> None:
    planner, counting, _ = remembering()
    await planner.plan(chance, ANN)
    await planner.plan(chance, ANN)
    assert counting.asked == 2


async def test_refusals_are_not_kept_and_the_oldest_plans_go_first() -> None:
    planner, counting, _ = remembering(most=2)
    for _ in range(2):
        with pytest.raises(InvalidRequest):
            await planner.plan(VideoRequest(""), ANN)
    for prompt in ("a", "b", "c", "b", "a"):
        await planner.plan(VideoRequest(prompt), ANN)
    assert counting.asked == 2 + 4
