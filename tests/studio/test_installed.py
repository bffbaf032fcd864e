"""The page as an installed app: what a browser needs for that, and what is seen without a network."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.studio.conftest import Open, holds
from tests.studio.test_keep import made
from tests.studio.test_page import card

pytestmark = pytest.mark.anyio
KEYS = "caches.open('kinoray-page').then((kept) => kept.keys())"
KEPT = f"{KEYS}.then((keys) => keys.map((key) => new URL(key.url).pathname))"


OWN = (
    "performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname)"
    ".filter((path) => /^\\/studio\\/.*\\.(js|css)$/.test(path))"
)


async def installed(page: Page) -> None:
    """Wait until all that the page needs is kept, and is what it is opened from where there is no server."""
    await holds(page, f"{KEPT}.then((paths) => ['/', ...{OWN}].every((path) => paths.includes(path)))")
    await holds(page, "navigator.serviceWorker.controller !== null")


async def test_a_manifest_names_icons_that_there_are(studio: Open) -> None:
    async with studio() as (page, server), httpx.AsyncClient() as client:
        address = await page.evaluate("document.querySelector('link[rel=manifest]').href")
        told = (await client.get(address)).json()
        assert told["display"] == "standalone"
        for icon in told["icons"]:
            found = await client.get(f"{server.url}/studio/{icon['src']}")
            assert (found.status_code, found.headers["content-type"]) == (200, icon["type"])
        session = await page.context.new_cdp_session(page)
        problems = (await session.send("Page.getAppManifest"))["errors"]
        assert problems == []


async def test_the_page_opens_without_a_network_and_says_so(studio: Open) -> None:
    async with studio(refused=True, service_workers="allow") as (page, server):
        video = await made(server, "a red ball")
        await expect(card(page, video)).to_be_visible()
        await installed(page)
        paths = await page.evaluate(KEPT)
        assert all(path == "/" or path.startswith("/studio/") for path in paths)  # no answer of the API
        await server.stop()
        await page.context.set_offline(True)
        await page.reload()
        await expect(page.locator("#prompt")).to_be_visible()
        await expect(page.locator("#away")).to_contain_text("offline")
        await page.context.set_offline(False)
        await server.start()
        await expect(page.locator("#away")).to_be_hidden()
        await expect(card(page, video)).to_be_visible()
