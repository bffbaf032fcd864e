"""Marks on the page: favourites, tags, ratings, search by meaning, several chosen together."""

from __future__ import annotations

import zipfile

import pytest
from playwright.async_api import Page, expect

from app.jobs.marks import Among
from app.types import Failure
from tests.studio.conftest import Open, holds, mp4
from tests.studio.test_keep import made
from tests.studio.test_page import ask, card
from tests.waiting import until

pytestmark = pytest.mark.anyio
EVIL = "<img src=x onerror=1>"


async def seen(page: Page, *wanted: str) -> None:
    ids = "[...document.querySelectorAll('article:not([hidden])')].map((each) => each.dataset.id).sort()"
    await holds(page, f"(wanted) => String({ids}) === wanted", arg=",".join(sorted(wanted)))


async def test_favourites_and_tags_outlive_the_page(studio: Open) -> None:
    async with studio() as (page, server):
        ball, box = await made(server, "a red ball"), await made(server, "a blue box")
        await card(page, ball).locator('[data-act="favourite"]').click()
        await expect(card(page, ball).locator('[data-act="favourite"]')).to_have_attribute("aria-pressed", "true")
        await page.goto(f"{server.url}/#/video/{box}")
        await page.locator("#detail").get_by_label("Add a tag").fill(EVIL)
        await page.keyboard.press("Enter")
        await expect(page.locator("#detail .tags li")).to_have_text([EVIL])
        await page.keyboard.press("Escape")
        await page.reload()
        await expect(card(page, box).locator(".badges")).to_contain_text(f"# {EVIL}")
        await page.select_option("#filter-marked", "favourite")
        await seen(page, ball)
        await expect(page.locator("#filter-marked option")).to_have_count(3)
        await page.select_option("#filter-marked", f"tag:{EVIL}")
        await seen(page, box)
        assert [job.id for job in (await server.house.jobs.list_marked("public", Among(True), None, 9, True)).jobs] == [
            ball
        ]
        await page.goto(f"{server.url}/#/video/{box}")
        await page.get_by_role("button", name=f"Take away: {EVIL}").click()
        await expect(page.locator("#detail .tags li")).to_have_count(0)


async def test_a_marked_video_is_found_however_old_it_is(studio: Open) -> None:
    async with studio() as (page, server):
        old = await ask(server, "a violet comet")
        await server.house.jobs.mark(old, "public", True, ("sky",))
        for number in range(30):
            await ask(server, f"a red ball {number}")
        for job in (await server.house.jobs.list("public", None, 99, True)).jobs:
            await server.house.jobs.cancel(job.id, "public", Failure("cancelled", ""), 1.0)
        await page.reload()
        await expect(page.locator("article")).to_have_count(24)
        await page.select_option("#filter-marked", "favourite")
        await seen(page, old)
        await page.select_option("#filter-marked", "")
        await holds(page, "document.querySelectorAll('article:not([hidden])').length >= 25")
        await page.fill("#filter-find", "comet")
        await seen(page, old)
        await page.fill("#filter-find", "")
        await holds(page, "document.querySelectorAll('article:not([hidden])').length >= 25")
        await expect(page.locator("article")).to_have_count(31)  # those in between have not been passed over
        ids = await page.evaluate("[...document.querySelectorAll('article')].map((card) => card.dataset.id)")
        assert ids[-1] == old


async def test_a_card_keeps_its_rating(studio: Open) -> None:
    async with studio() as (page, server):
        ball, box = await made(server, "a red ball"), await made(server, "a blue box")
        await card(page, ball).locator('[data-act="good"]').click()
        await expect(card(page, ball).locator('[data-act="good"]')).to_have_attribute("aria-pressed", "true")
        await page.reload()
        await expect(card(page, ball).locator('[data-act="good"]')).to_have_attribute("aria-pressed", "true")
        await page.select_option("#filter-rated", "none")
        await seen(page, box)
        await page.goto(f"{server.url}/#/video/{box}")
        await page.get_by_role("button", name="wrong motion").click()

        async def told() -> bool:
            rating = await server.house.ratings.rated(box)
            return rating is not None and (rating.score, rating.reasons) == (2, ("wrong_motion",))

        await until(told)


async def test_several_are_saved_as_one_file_and_compared(studio: Open) -> None:
    async with studio(accept_downloads=True, reduced_motion="reduce") as (page, server):
        ids = [await made(server, f"a red ball {number}", seed=number) for number in range(3)]
        for video in ids:
            await card(page, video).locator(".choose input").check()
        async with page.expect_download() as saving:
            await page.get_by_role("button", name="Save as zip").click()
        with zipfile.ZipFile(await (await saving.value).path()) as archive:
            assert [archive.read(name) for name in archive.namelist()] == [mp4()] * 3
        await page.locator("#tray").get_by_role("button", name="Compare").click()
        await expect(page.locator("#detail .compare video")).to_have_count(3)
        await expect(page.locator("#detail tbody th")).to_have_text(["prompt", "seed"])
        await holds(page, "[...document.querySelectorAll('.compare video')].every((video) => video.readyState > 1)")
        await page.click('#detail [data-act="forth"]')
        times = "[...document.querySelectorAll('.compare video')].map((video) => video.currentTime)"
        await holds(page, f"new Set({times}).size === 1 && {times}[0] > 0")


async def test_a_card_asks_for_four_more_seeds(studio: Open) -> None:
    async with studio() as (page, server):
        video = await made(server, "a red ball", quality_tier="preview", seed=5)
        await card(page, video).locator('[data-act="four"]').click()
        await expect(page.locator("article")).to_have_count(5)
        found = (await server.house.jobs.list("public", None, 10, True)).jobs
        assert {job.plan.tier for job in found} == {"preview"}


async def test_a_gif_is_named_after_its_prompt(studio: Open) -> None:
    async with studio(accept_downloads=True) as (page, server):
        video = await made(server, "a red ball / <b>")
        await page.goto(f"{server.url}/#/video/{video}")
        async with page.expect_download() as saving:
            await page.get_by_role("button", name="As GIF").click()
        assert (await saving.value).suggested_filename == "a-red-ball-b.gif"
