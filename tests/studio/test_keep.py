"""Keeping on the page: filters, the details at an address of their own, frames, comparing, deleting and its undoing."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import Any

import pytest
from playwright.async_api import Page, expect

from app.types import Job
from tests.api.house import House
from tests.studio.conftest import Open, holds, mp4
from tests.studio.test_page import ask, card
from tests.waiting import until

pytestmark = pytest.mark.anyio


async def made(server: Any, prompt: str, **wishes: Any) -> str:
    """A video that is there."""
    video = await ask(server, prompt, **wishes)
    await server.house.complete(video)
    return video


async def test_filters_leave_what_they_name(studio: Open) -> None:
    async with studio() as (page, server):
        ball = await made(server, "a red ball", quality_tier="preview")
        box = await made(server, "a blue box", quality_tier="ultra")
        again = await ask(server, "a red ball", quality_tier="preview")
        live = await ask(server, "a green ring")
        await expect(page.locator("article")).to_have_count(4)
        seen = "[...document.querySelectorAll('article:not([hidden])')].map((each) => each.dataset.id)"

        async def seen_now(*wanted: str) -> None:
            await holds(page, f"(wanted) => String({seen}.sort()) === wanted", arg=",".join(sorted(wanted)))

        await page.fill("#filter-find", "BALL red")
        await seen_now(ball, again)
        await page.select_option("#filter-cached", "hit")
        await seen_now(again)
        await page.fill("#filter-find", "")
        await page.select_option("#filter-cached", "")
        await page.select_option("#filter-tier", "ultra")
        await seen_now(box)
        await page.select_option("#filter-tier", "")
        await page.select_option("#filter-status", "live")
        await seen_now(live)
        await page.fill("#filter-find", "nothing like it")
        await expect(page.locator("#none")).to_be_visible()


async def test_details_have_an_address_of_their_own(studio: Open) -> None:
    async with studio() as (page, server):
        video = await made(server, "a red ball")
        await page.goto(f"{server.url}/#/video/{video}")
        detail = page.locator("#detail")
        await expect(detail.locator("h2")).to_have_text("a red ball")
        await expect(detail.locator(".reasons li").first).to_be_visible()
        await expect(detail.locator(".waterfall li").first).to_be_visible()
        await page.reload()
        await expect(detail.locator("h2")).to_have_text("a red ball")
        await page.keyboard.press("Escape")
        await expect(detail).to_be_hidden()
        assert page.url == f"{server.url}/"
        await card(page, video).locator(".open").click()
        await expect(detail).to_be_visible()
        await page.go_back()
        await expect(detail).to_be_hidden()


async def test_what_is_gone_says_so(studio: Open) -> None:
    async with studio(refused=True, path="/#/video/video_0123456789abcdef0123456789abcdef") as (page, _):
        await expect(page.locator("#detail-title")).to_have_text("That video is not there any more.")


async def test_the_player_steps_by_frames(studio: Open) -> None:
    async with studio(reduced_motion="reduce") as (page, server):
        video = await made(server, "a red ball", num_frames=17)
        await page.goto(f"{server.url}/#/video/{video}")
        where = page.locator("#detail output")
        await holds(page, "document.querySelector('#detail video')?.readyState > 1")
        await expect(where).to_have_text("frame 1 of 17")
        for frame in (2, 3, 4):
            await page.click('#detail [data-act="forth"]')
            await expect(where).to_have_text(f"frame {frame} of 17")
            assert await shown_column(page) == 4 * (frame - 1)
        await page.click('#detail [data-act="back"]')
        await expect(where).to_have_text("frame 3 of 17")


async def shown_column(page: Page) -> int:
    """Where the red stripe of the frame that is shown begins: each frame of `mp4` has it four pixels further."""
    draw = """() => {
      const video = document.querySelector('#detail video');
      const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 64 });
      canvas.getContext('2d').drawImage(video, 0, 0, 64, 64);
      const row = canvas.getContext('2d').getImageData(0, 32, 64, 1).data;
      return [...Array(16).keys()].map((each) => row[16 * each + 4]);
    }"""
    reds: list[int] = await page.evaluate(draw)
    return 4 * max(range(16), key=lambda each: reds[each])


async def test_two_are_compared_in_step_with_what_they_differ_in(studio: Open) -> None:
    async with studio(reduced_motion="reduce") as (page, server):
        one, other = await made(server, "a red ball", seed=1), await made(server, "a red ball", seed=2)
        await card(page, one).locator('[data-act="compare"]').click()
        await expect(page.locator("#picked")).not_to_be_empty()
        await card(page, other).locator('[data-act="compare"]').click()
        await expect(page.locator("#detail .compare video")).to_have_count(2)
        assert page.url.endswith(f"#/compare/{one},{other}")
        await expect(page.locator("#detail tbody th")).to_have_text(["seed"])
        ready = "[...document.querySelectorAll('.compare video')].every((video) => video.readyState > 1)"
        await holds(page, ready)
        for _ in range(3):
            await page.click('#detail [data-act="forth"]')
        times = "[...document.querySelectorAll('.compare video')].map((video) => video.currentTime)"
        first, second = await page.evaluate(times)
        assert first == second > 0


async def test_the_request_can_be_asked_again_as_it_stands(studio: Open) -> None:
    async with studio() as (page, server):
        prompt = "a 'red' ball \"and\" $HOME"
        wishes = {"num_inference_steps": 12, "guidance_scale": 4.5, "negative_prompt": "it's blurred"}
        video = await made(server, prompt, quality_tier="preview", size="96x64", num_frames=9, seed=2**63 - 1, **wishes)
        await page.goto(f"{server.url}/#/video/{video}")
        await expect(page.locator("#detail pre")).to_have_count(3)
        curl, python, shell = await page.locator("#detail pre code").all_text_contents()
        compile(python, "shown", "exec")
        assert shlex.split(shell)[3:6] == ["remix", video, prompt]  # the command has no word for guidance
        said = "import json, sys; print(json.dumps(sys.argv[1:]))"
        echoed = subprocess.run(
            ["bash", "-c", curl.replace("curl", f'{sys.executable} -c "{said}"', 1)],
            capture_output=True,
            text=True,
            check=True,
        )
        body = json.loads(json.loads(echoed.stdout)[-1])
        assert body["prompt"] == prompt
        first = await server.house.jobs.get(video)
        async with server.house.client() as client:
            again = (await client.post("/v1/videos", json=body)).json()
        second: Job = await server.house.jobs.get(again["id"])
        assert second.plan.spec == first.plan.spec
        assert second.plan.sampling == first.plan.sampling
        assert second.plan.negative_prompt == first.plan.negative_prompt == "it's blurred"


async def test_the_command_says_what_it_has_words_for(studio: Open) -> None:
    async with studio() as (page, server):
        video = await made(server, "a red ball", size="96x64", num_frames=9, seed=7, num_inference_steps=12)
        await page.goto(f"{server.url}/#/video/{video}")
        shell = page.locator("#detail pre code").nth(2)
        await expect(shell).to_contain_text("generate 'a red ball'")
        said = shlex.split(await shell.text_content() or "")
        flags = dict(zip(said[5::2], said[6::2], strict=False))
        assert flags["--seconds"] == "1.125"
        assert (flags["--size"], flags["--seed"], flags["--steps"]) == ("96x64", "7", "12")


async def test_what_is_deleted_can_be_had_back_for_a_while(studio: Open) -> None:
    async with studio() as (page, server):
        video = await made(server, "a red ball")
        await card(page, video).locator('[data-act="delete"]').click()
        await expect(card(page, video)).to_be_hidden()
        await page.get_by_role("button", name="Undo").click()
        await expect(card(page, video)).to_be_visible()
        await card(page, video).locator('[data-act="delete"]').click()
        await page.reload()  # who leaves has not undone it
        await expect(page.locator("article")).to_have_count(0)

        async def gone() -> bool:
            return await server.house.count() == 0

        await until(gone)


async def test_a_remix_fills_the_form(studio: Open) -> None:
    async with studio() as (page, server):
        wishes = {"num_frames": 9, "fps": 8, "negative_prompt": "blur", "num_inference_steps": 40}
        video = await made(server, "a red ball", quality_tier="ultra", seed=2**60 + 1, **wishes)
        await page.click("#advanced summary")
        await expect(page.locator("#advanced-num_inference_steps")).to_have_value("")
        await card(page, video).locator('[data-act="remix"]').click()
        await expect(page.locator("#prompt")).to_be_focused()
        await expect(page.locator("#prompt")).to_have_value("a red ball")
        await expect(page.locator("#seed")).to_have_value(str(2**60 + 1))
        await expect(page.locator('input[name="tier"][value="ultra"]')).to_be_checked()
        await expect(page.locator("#seconds")).to_have_value("1.125")
        await expect(page.locator("#negative")).to_have_value("blur")
        await expect(page.locator("#advanced-num_inference_steps")).to_have_value("40")
        await expect(page.locator("#advanced-fps")).to_have_value("")  # as the model has it
        await page.click("#make")
        await expect(page.locator("article")).to_have_count(2)
        again, first = (await server.house.jobs.list("public", None, 10, True)).jobs
        assert (again.plan.sampling, again.plan.spec) == (first.plan.sampling, first.plan.spec)


async def test_older_videos_come_as_one_scrolls(studio: Open) -> None:
    house = House(video=mp4())
    async with house.client() as client:
        for number in range(60):
            await client.post("/v1/videos", json={"prompt": f"a red ball {number}"})
    for job in (await house.jobs.list("public", None, 100, True)).jobs:
        await house.complete(job.id)
    async with studio(house) as (page, _):
        await expect(page.locator("article")).to_have_count(24)
        await page.locator("article").last.scroll_into_view_if_needed()
        await page.locator("#more").scroll_into_view_if_needed()
        await holds(page, "document.querySelectorAll('article').length > 24")
        playing = "document.querySelectorAll('article video[src]').length"
        assert await page.evaluate(playing) < 40  # what is out of sight has no decoder
