"""What others write stays text: prompts, styles, errors, whatever the server says of them."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Route, expect

from tests.studio.conftest import Open
from tests.studio.test_keep import made
from tests.studio.test_page import card
from tests.studio.test_picture import house, picture, sent

pytestmark = pytest.mark.anyio
EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
LOOKS = "document.querySelectorAll('img[src=\"x\"], main script, dialog script').length"


async def test_a_prompt_is_never_markup(studio: Open) -> None:
    async with studio() as (page, server):
        await page.fill("#prompt", EVIL)
        await expect(page.locator(".plan-head")).to_be_visible()
        video, other = await made(server, EVIL), await made(server, EVIL + "2")
        await expect(card(page, video).locator(".prompt")).to_have_text(EVIL)
        await page.goto(f"{server.url}/#/video/{video}")
        await expect(page.locator("#detail h2")).to_have_text(EVIL)
        await page.goto(f"{server.url}/#/compare/{video},{other}")
        await expect(page.locator("#detail tbody th").first).to_be_visible()
        await page.keyboard.press("Escape")
        await page.keyboard.press("Control+k")
        await page.keyboard.type("onerror")
        await expect(page.locator("#palette-list li").first).to_contain_text(EVIL)
        await page.keyboard.press("Escape")
        await card(page, video).locator('[data-act="delete"]').click()
        await expect(page.locator(".toast")).to_contain_text(EVIL)
        assert await page.evaluate(LOOKS) == 0
        assert await page.title() == "Kinoray"


async def test_a_style_and_an_error_are_never_markup(studio: Open) -> None:
    async with studio(refused=True) as (page, server):
        await page.request.post(
            f"{server.url}/v1/styles", data={"name": EVIL[:60], "description": EVIL[:60], "after": "ink"}
        )

        async def refused(route: Route) -> None:
            await route.fulfill(status=400, json={"error": {"message": EVIL, "code": EVIL}})

        async def failed(route: Route) -> None:
            answer = await (await route.fetch()).json()
            found = {
                **answer,
                "status": "failed",
                "error": {"code": EVIL, "message": EVIL},
                "model": EVIL,
                "queue_reason": EVIL,
            }
            await route.fulfill(body=json.dumps(found), content_type="application/json")

        await page.reload()
        await expect(page.locator("#style option", has_text="<img")).to_have_count(1)
        await page.route("**/api/optimization/analyze", refused)
        await page.fill("#prompt", "a red ball")
        await expect(page.locator("#plan")).to_have_text(EVIL)
        await page.route("**/v1/videos", refused)
        await page.click("#make")
        await expect(page.locator("#trouble")).to_contain_text(EVIL)
        await page.unroute("**/v1/videos")
        await page.route("**/v1/videos/video_*", failed)
        video = await made(server, "a red ball")
        await expect(card(page, video).locator(".state")).to_contain_text(EVIL)
        assert await page.evaluate(LOOKS) == 0
        assert await page.title() == "Kinoray"


async def test_the_name_of_a_file_a_tag_and_a_model_are_never_markup(studio: Open) -> None:
    async with studio(house(), refused=True) as (page, server):
        await expect(page.locator("#picture")).to_be_enabled()
        give = """([name, bytes]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
        await page.evaluate(give, [f"{EVIL}.png", list(picture(64, 64))])
        await expect(page.locator("#picture-note")).to_have_text(f"{EVIL}.png")
        await expect(page.locator(".crop img")).to_have_attribute("alt", f"{EVIL}.png")
        await sent(page)
        video = await made(server, "a red ball")
        await page.request.patch(f"{server.url}/v1/videos/{video}", data={"tags": [EVIL[:40]]})
        await page.reload()
        await expect(card(page, video).locator(".badges")).to_contain_text(EVIL[:40])
        await expect(page.locator("#filter-marked option", has_text="<img")).to_have_count(1)
        await page.goto(f"{server.url}/#/video/{video}")
        await expect(page.locator("#detail .tags")).to_contain_text(EVIL[:40])
        assert await page.evaluate(LOOKS) == 0
        assert await page.title() == "Kinoray"


async def test_an_address_names_an_id_and_nothing_else(studio: Open) -> None:
    async with studio(path="/#/video/..%2F..%2Fapi%2Fstats,<script>") as (page, _):
        await expect(page.locator("#prompt")).to_be_focused()
        await expect(page.locator("#detail")).to_be_hidden()
