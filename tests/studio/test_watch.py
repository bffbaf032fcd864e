"""Watching on the page: the stage, its ribbon, the countdown, two tabs."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from playwright.async_api import Route, expect

from app.engine.sinks import Mate
from app.worker.account import AttemptLog
from tests.studio.conftest import Open, holds, mp4
from tests.studio.test_page import PICTURE, ask, streaming
from tests.waiting import until

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


async def test_the_ribbon_shows_where_a_job_paused_and_beside_which_of_ones_own_it_ran(studio: Open) -> None:
    async with studio() as (page, server):
        house = server.house
        mate = await ask(server, "a blue box", size="96x64")
        video = await ask(server, "a red ball", quality_tier="standard", preview=True)
        fence = await house.run(video, step=4)
        log = AttemptLog(fence, "one", time.time, lambda: (0, None))
        for step in (1, 2):
            log.ran(step, 2, 0.1, [Mate(mate, (17, 64, 96))])
        log.waits("preempted", mate, time.time() - 3)
        log.goes_on(time.time())
        for step in (3, 4):
            log.ran(step, 1, 0.1)
        await house.events.note(video, log.entries())
        await house.events.append(video, "step", 2.0, {"step": 4, "total_steps": 25, "eta_s": 30.0})
        stage = page.locator("#stage")
        await expect(stage.locator(".stage-company")).to_contain_text("with one other (a blue box), paused once, 3 s")
        await expect(stage.locator(".ribbon > i").nth(2)).to_have_class("ran paused")
        await expect(stage.locator(".ribbon .paused")).to_have_count(1)
        await expect(stage.get_by_role("img", name="paused behind step 2, 3 s")).to_be_visible()
        await expect(stage.locator(".ribbon-key")).to_contain_text("paused here")


async def test_the_stage_plays_what_is_made_and_says_what_was_saved(studio: Open) -> None:
    async with studio() as (page, server):
        await server.house.complete(await ask(server, "a red ball", quality_tier="standard"))
        await expect(page.locator(".stage-story")).to_contain_text("25 of 50 steps run, 50 % saved")
        await holds(page, "document.querySelector('#stage video')?.readyState > 1")
        repeat = await ask(server, "a red ball", quality_tier="standard", preview=True)
        await expect(page.locator(f'article[data-id="{repeat}"] .badges')).to_contain_text("from the cache")


async def test_a_draft_plays_at_once_and_what_becomes_of_it_is_said(studio: Open) -> None:
    async with studio() as (page, server):
        house = server.house

        async def drawn(route: Route) -> None:
            await route.fulfill(body=mp4(), content_type="video/mp4")

        await page.route("**/content?variant=draft", drawn)
        await streaming(server)  # a look at the video after its draft was told would find none on this record
        video = await ask(server, "a red ball", quality_tier="standard")
        await house.run(video, step=2)
        await house.events.append(video, "draft", 1.0, {"variant": "draft", "steps": 2, "after_s": 0.4})
        stage = page.locator("#stage")
        await expect(stage.locator(".stage-draft")).to_be_visible()
        await expect(stage.locator(".stage-refined")).to_contain_text("A draft after 0.4 s")
        await holds(page, "document.querySelector('#stage video')?.readyState > 1")
        await house.events.append(video, "refine", 2.0, {"verdict": "kept", "from_step": 12, "total_steps": 25})
        await expect(stage.locator(".stage-refined")).to_contain_text("goes on from step 12 of")
        was = await stage.locator("video").get_attribute("src")
        job = await house.jobs.get(video)
        await house.jobs.requeue(video, job.fence, 1.0)
        await house.complete(video)
        await expect(stage.locator(".stage-draft")).to_be_hidden()
        await holds(
            page,
            "(was) => { const v = document.querySelector('#stage video'); return v.src !== was && v.readyState > 1 }",
            was,
        )


async def test_a_draft_first_is_offered_where_the_model_has_one_and_asked_for(studio: Open) -> None:
    async with studio(refused=True) as (page, _):
        await expect(page.locator("#speculative-box")).to_be_hidden()
        sent: list[dict[str, Any]] = []

        async def able(route: Route) -> None:
            answer = await (await route.fetch()).json()
            for model in answer["data"]:
                model["drafts"] = True
            await route.fulfill(body=json.dumps(answer), content_type="application/json")

        async def kept(route: Route) -> None:
            if route.request.method == "POST":
                sent.append(json.loads(route.request.post_data or "{}"))
            await route.fulfill(status=400, json={"error": {"message": "No.", "code": "no"}})

        await page.route("**/v1/models", able)
        await page.route("**/api/optimization/analyze", kept)
        await page.reload()
        await page.get_by_label("A draft first").check()
        await page.fill("#prompt", "a red ball")

        async def asked_for() -> bool:
            return any(each.get("speculative") for each in sent)

        await until(asked_for)
        await holds(page, "JSON.parse(localStorage.getItem('kinoray-draft'))?.speculative === true")


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
