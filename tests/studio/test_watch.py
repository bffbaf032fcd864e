"""Watching on the page: the stage, its ribbon, the countdown, two tabs."""

from __future__ import annotations

import time

import pytest
from playwright.async_api import expect

from app.worker.account import AttemptLog
from tests.studio.conftest import Open, holds
from tests.studio.test_page import PICTURE, ask

pytestmark = pytest.mark.anyio


def account(fence: int, batches: tuple[int, ...]) -> AttemptLog:
    """Of an attempt whose steps ran in batches of so many; 0: they were forecast."""
    log = AttemptLog(fence, "one", time.time, lambda: (0, None))
    for step, batch in enumerate(batches, 1):
        log.ran(step, batch, 0.1)
    return log


async def test_the_stage_shows_what_runs_and_the_ribbon_which_steps_ran(studio: Open) -> None:
    async with studio() as (page, server):
        house = server.house
        video = await ask(server, "a red ball", quality_tier="standard", preview=True)
        await expect(page.locator("#stage .prompt")).to_have_text("a red ball")
        fence = await house.run(video, step=6)
        await house.events.append(video, "preview", 1.0, {"step": 5, "total_steps": 25, "image": PICTURE})
        await house.events.note(video, account(fence, (2, 2, 0, 0, 0, 1)).entries())
        await house.events.append(video, "step", 2.0, {"step": 6, "total_steps": 25, "eta_s": 30.0})
        stage = page.locator("#stage")
        await expect(stage.locator(".stage-state")).to_contain_text("step 6 of")
        await expect(stage.locator(".glimpse")).to_be_visible()
        await expect(stage.locator(".ribbon .ran")).to_have_count(3)
        await expect(stage.locator(".ribbon .shared")).to_have_count(2)
        await expect(stage.locator(".ribbon .forecast")).to_have_count(3)
        await expect(stage.locator(".stage-company")).to_have_text("shared its steps with one other")
        await expect(stage.get_by_role("img", name="3 of 25 steps run by the model, 3 forecast")).to_be_visible()
        first = await stage.locator(".countdown").inner_text()
        await holds(page, "(was) => document.querySelector('.countdown').textContent !== was", arg=first)
        await stage.locator('[data-act="cancel"]').click()
        await expect(page.locator(f'article[data-id="{video}"] .state')).to_contain_text("cancelled")


async def test_the_stage_plays_what_is_made_and_says_what_was_saved(studio: Open) -> None:
    async with studio() as (page, server):
        await server.house.complete(await ask(server, "a red ball", quality_tier="standard"))
        await expect(page.locator(".stage-story")).to_contain_text("25 of 50 steps run, 50 % saved")
        await holds(page, "document.querySelector('#stage video')?.readyState > 1")
        repeat = await ask(server, "a red ball", quality_tier="standard", preview=True)
        await expect(page.locator(f'article[data-id="{repeat}"] .badges')).to_contain_text("from the cache")


async def test_another_tab_sees_it_too(studio: Open) -> None:
    async with studio() as (page, server):
        other = await page.context.new_page()
        await other.goto(server.url)
        await page.fill("#prompt", "a red ball")
        await page.click("#make")
        await expect(other.locator("article")).to_have_count(1)
        await expect(page.locator("article")).to_have_count(1)
        video = await page.locator("article").get_attribute("data-id")
        assert video
        await server.house.complete(video)
        for tab in (page, other):
            await expect(tab.locator('article [data-act="save"]')).to_be_visible()


async def test_what_waits_is_made_more_urgent_on_the_stage(studio: Open) -> None:
    async with studio() as (page, server):
        other = await page.context.new_page()
        await other.goto(server.url)
        video = await ask(server, "a red ball", priority="low")
        await expect(page.locator("#stage select")).to_have_value("low")
        await expect(other.locator(f'article[data-id="{video}"]')).to_be_attached()
        await page.select_option("#stage select", "high")
        for tab in (page, other):
            await expect(tab.locator(f'article[data-id="{video}"] .badges')).to_contain_text("high priority")
        assert (await server.house.jobs.get(video)).priority == "high"
