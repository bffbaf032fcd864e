from __future__ import annotations

import pytest

from app.plan.degrade import in_time, lower_tiers
from app.types import Plan, VideoRequest, Wishes
from tests.plan.conftest import plan_for

pytestmark = pytest.mark.anyio

WISH = VideoRequest("a red ball", tier="premium", wishes=Wishes(deadline_s=3.0), allow_degrade=True)


async def replan(request: VideoRequest) -> Plan:
    return plan_for(request.prompt, tier=request.tier)


async def planned(wish: VideoRequest, wait_s: float) -> Plan:
    return await in_time(wish, await replan(wish), lambda plan: wait_s + plan.estimate.seconds, replan)


async def test_the_best_tier_that_is_in_time_is_used_and_admitted() -> None:
    made = await planned(WISH, wait_s=0.0)  # premium takes 5.0 s, standard 3.0
    assert (made.tier, made.asked_tier) == ("standard", "premium")
    assert "Premium was asked for" in made.why.reasons[-1]


async def test_a_plan_that_is_in_time_stays() -> None:
    wish = VideoRequest("a red ball", tier="premium", wishes=Wishes(deadline_s=60.0), allow_degrade=True)
    assert (await planned(wish, wait_s=0.0)).tier == "premium"


async def test_when_nothing_is_in_time_the_lowest_tier_has_the_best_chance() -> None:
    assert (await planned(WISH, wait_s=100.0)).tier == "preview"


async def test_nothing_is_lowered_without_leave() -> None:
    wish = VideoRequest("a red ball", tier="premium", wishes=Wishes(deadline_s=3.0))
    assert (await planned(wish, wait_s=0.0)).tier == "premium"


def test_a_request_that_names_its_steps_has_no_lower_tier() -> None:
    assert lower_tiers(VideoRequest("a", steps=40, allow_degrade=True), plan_for("a", tier="ultra")) == ()
