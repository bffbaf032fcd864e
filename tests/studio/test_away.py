"""What was opened while the server was away is whole once it is back: nobody has to reload."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.async_api import Page, Route, expect

from tests.api.house import MODEL
from tests.api.served import ServedHouse
from tests.api.test_uploads import noise
from tests.studio.conftest import Open
from tests.studio.test_control import a_house
from tests.studio.test_installed import installed
from tests.studio.test_keep import made
from tests.studio.test_page import card
from tests.studio.test_stories import asked, blank, cinema

pytestmark = pytest.mark.anyio


async def go(page: Page, address: str) -> None:
    await page.evaluate("(address) => { location.hash = address; }", address)


async def gone(page: Page, server: ServedHouse) -> None:
    await server.stop()
    await expect(page.locator("#away")).to_contain_text("Trying again")


async def test_a_page_that_opened_without_a_server_reads_what_it_needs_when_there_is_one(studio: Open) -> None:
    async with studio(refused=True, service_workers="allow") as (page, server):
        video = await made(server, "a red ball")
        await installed(page)
        await server.stop()
        await page.reload()
        await expect(page.locator("#away")).to_contain_text("Trying again")
        await expect(page.locator("#size option")).to_have_count(1)
        await server.start()
        await expect(card(page, video)).to_be_visible()
        await expect(page.locator("#size option")).to_have_text(["default", "64x64", "96x64"])
        await expect(page.locator("#style option", has_text="Cinematic")).to_have_count(1)
        await expect(page.locator("#trouble")).to_be_empty()


async def test_a_room_that_could_not_be_opened_opens_when_the_server_is_back(studio: Open) -> None:
    async with studio(a_house(), refused=True) as (page, server):
        await expect(page.locator("#figures")).to_contain_text("replica")
        await gone(page, server)
        await go(page, "#/control")
        await expect(page.locator("#view [role=alert]")).to_be_visible()
        await server.start()
        await expect(page.locator("#view .control")).to_be_visible()


async def test_details_that_could_not_be_read_are_read_when_the_server_is_back(studio: Open) -> None:
    async with studio(refused=True) as (page, server):
        video = await made(server, "a red ball")
        await expect(card(page, video)).to_be_visible()
        await gone(page, server)
        await go(page, f"#/video/{video}")
        await expect(page.locator("#detail")).not_to_be_visible()  # not even what shows them
        await server.start()
        await expect(page.locator("#detail .waterfall")).to_be_visible()
        await page.keyboard.press("Escape")
        await gone(page, server)
        await go(page, "#/video/video_0123456789abcdef")
        await expect(page.locator("#detail-title")).not_to_be_empty()
        await server.start()
        await expect(page.locator("#detail-title")).to_have_text("That video is not there any more.")


async def test_a_film_that_nothing_is_known_of_is_not_called_gone_while_the_server_is(studio: Open) -> None:
    async with studio(cinema(), refused=True) as (page, server):
        first, second = await asked(server), await asked(server, title="The other")
        await go(page, f"#/stories/{first}")
        await expect(page.locator(".film-title")).to_have_value("Three")
        await go(page, "#/")
        await gone(page, server)
        await go(page, f"#/stories/{second}")
        await expect(page.locator("#view [role=alert]")).to_be_visible()
        await server.start()
        await expect(page.locator(".film-title")).to_have_value("The other")


async def test_a_film_opened_without_a_server_offers_its_sizes_when_there_is_one(studio: Open) -> None:
    async with studio(cinema(), refused=True) as (page, server):
        story = await asked(server)
        await go(page, "#/stories")
        await expect(page.locator("a", has_text="Three")).to_be_visible()
        await gone(page, server)
        await page.route("**/v1/models", lambda route: route.abort())  # else the browser remembers them
        await go(page, f"#/stories/{story}")
        await expect(page.locator(".film-title")).to_have_value("Three")
        another = page.locator('[data-field="size"] option', has_text="96x64")
        await expect(another).to_have_count(0)
        await page.unroute_all(behavior="wait")
        await server.start()
        await expect(another).to_have_count(1)


async def test_a_scenes_picture_is_sent_whole_though_the_server_is_away_meanwhile(studio: Open) -> None:
    house = cinema(models=(replace(MODEL, takes_image=True),))
    async with studio(house, refused=True) as (page, server):
        await blank(page, server, "a red ball")
        sent = page.locator(".scene-picture p.soft")
        refused = 0

        async def starting(route: Route) -> None:
            nonlocal refused
            refused += 1
            await route.fulfill(status=503, body="")  # as a proxy says it of a Router that is not there

        await page.route("**/v1/uploads/*", starting, times=2)
        file = noise(900, 600)
        await page.set_input_files(
            ".scene-picture input", {"name": "large.png", "mimeType": "image/png", "buffer": file}
        )
        await expect(sent).to_have_text("large.png")
        assert refused == 2
        (upload,) = await server.house.uploads.own("public", 0.0)
        assert (upload.whole, upload.length) == (True, len(file))
