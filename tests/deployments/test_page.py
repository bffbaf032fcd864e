"""The page before the real service: asked, watched, played and judged from its pixels, compared, changed, a film."""

from __future__ import annotations

import base64
import os
import secrets
import signal
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import numpy as np
import pytest
import torch
from playwright.async_api import Page, expect

from app.embedded.checker.checker import look
from cluster.local import LocalService
from tests.drills.processes import pids_of
from tests.studio.conftest import anyio_backend, browser, holds, listen
from tests.waiting import until

__all__ = ["anyio_backend", "browser"]

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]
PROMPT = "a large yellow square moves to the right on a black background"
MADE_MS = 120_000
DRAW = """async () => {
  const video = document.querySelector('#detail video');
  const [width, height] = [video.videoWidth, video.videoHeight];
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  pen.drawImage(video, 0, 0);
  const { data } = pen.getImageData(0, 0, width, height);
  let text = '';
  for (let each = 0; each < data.length; each += 4) text += String.fromCharCode(...data.subarray(each, each + 3));
  return [width, height, btoa(text)];
}"""


@pytest.fixture
async def page(browser: Any, service: LocalService) -> AsyncIterator[Page]:
    """The page; an error in it or in the console, a broken policy, and a request to another host fail the test."""
    context = await browser.new_context(locale="en-GB", reduced_motion="reduce", service_workers="block")
    opened = await context.new_page()
    opened.set_default_timeout(MADE_MS)
    errors = listen(opened, service.url)
    await opened.goto(service.url)
    yield opened
    await context.close()
    assert not errors


async def frames(page: Page, count: int) -> np.ndarray:
    """What the page's player shows, frame by frame: uint8 (frames, height, width, 3)."""
    found = []
    for number in range(1, count + 1):
        await expect(page.locator("#detail output")).to_have_text(f"frame {number} of {count}")
        width, height, text = await page.evaluate(DRAW)
        found.append(np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 3))
        await page.click('#detail [data-act="forth"]')
    return np.stack(found)


async def ready(page: Page, video: str) -> None:
    await expect(page.locator(f'article[data-id="{video}"] [data-act="save"]')).to_be_visible(timeout=MADE_MS)


async def asked(page: Page) -> str:
    """The id of the video that a press of the button asks for."""
    made = page.expect_response(lambda answer: answer.request.method == "POST" and "v1/videos" in answer.url)
    async with made as told:
        await page.click("#make")
    return str((await (await told.value).json())["id"])


async def test_what_is_asked_for_is_watched_and_seen_and_compared_and_made_a_film(
    page: Page, service: LocalService
) -> None:
    other = await page.context.new_page()
    await other.goto(service.url)
    await page.bring_to_front()
    await page.fill("#prompt", PROMPT)
    await page.fill("#seed", str(secrets.randbelow(10**6)))  # nobody has made it before, nor this test itself
    await expect(page.locator(".plan-head")).to_contain_text("steps", timeout=MADE_MS)
    video = await asked(page)
    await expect(other.locator(f'article[data-id="{video}"]')).to_be_attached(timeout=MADE_MS)
    await other.close()
    await page.reload()  # in the middle
    await ready(page, video)
    await expect(page.locator("#stage .ribbon .ran").first).to_be_attached(timeout=MADE_MS)
    await expect(page.locator(".stage-story")).to_contain_text("saved")
    await page.goto(f"{service.url}/#/video/{video}")
    await holds(page, "document.querySelector('#detail video')?.readyState > 1")
    seen = look(torch.from_numpy(await frames(page, 17)))
    assert seen.ground == "black"
    square = seen.subject("yellow")
    assert square is not None
    assert (square.shape, square.motion) == ("square", "right")
    await expect(page.locator("#detail .waterfall li").first).to_be_visible()

    await page.click('#detail [data-act="remix"]')
    await expect(page.locator("#detail")).to_be_hidden()
    await expect(page.locator("#prompt")).to_have_value(PROMPT)
    await page.check('input[name="tier"][value="preview"]')
    remixed = await asked(page)
    await ready(page, remixed)
    await page.goto(f"{service.url}/#/compare/{video},{remixed}")
    await expect(page.locator("#detail tbody th", has_text="quality tier")).to_be_visible(timeout=MADE_MS)
    await holds(page, "[...document.querySelectorAll('#detail video')].every((video) => video.readyState > 1)")
    await page.keyboard.press("Escape")

    await page.goto(f"{service.url}/#/stories")
    await page.click('[data-act="new-blank"]')
    await page.fill('[data-field="prompt"] textarea', PROMPT)
    await page.click('[data-act="add"]')
    await page.fill('[data-field="prompt"] textarea', "a white star spins on a night blue background")
    await page.click('[data-act="make"]')
    await expect(page.locator(".film-now")).to_contain_text("2 of 2 scenes made", timeout=2 * MADE_MS)
    await page.click('.film-controls [data-act="play"]')
    await holds(page, "document.querySelector('.film-stage video.front')?.currentTime > 0")


async def test_twenty_are_asked_for_at_once(page: Page) -> None:
    mark = secrets.token_hex(4)
    await page.fill("#prompt", "\n".join(f"a red ball on a black background {mark} {number}" for number in range(20)))
    await page.select_option("#many", "lines")
    await page.check('input[name="tier"][value="preview"]')
    await page.click("#advanced summary")
    await page.fill("#advanced-num_frames", "9")
    await page.locator("#advanced-num_frames").blur()
    await page.click("#make")
    made = page.locator("article.made", has_text=mark)
    await expect(made).to_have_count(20, timeout=2 * MADE_MS)
    assert await page.locator("article.failed", has_text=mark).count() == 0


async def test_a_server_that_is_killed_loses_no_card_and_makes_nothing_twice(
    browser: Any, service: LocalService
) -> None:
    mark = secrets.token_hex(4)
    context = await browser.new_context(locale="en-GB", reduced_motion="reduce", service_workers="block")
    page = await context.new_page()
    page.set_default_timeout(MADE_MS)
    errors = listen(page, service.url, refused=True)
    await page.goto(service.url)
    await page.click("#advanced summary")
    await page.fill("#advanced-num_inference_steps", "60")
    await page.locator("#advanced-num_inference_steps").blur()
    await page.fill("#prompt", f"a white star spins on a black background {mark} before")
    before = await asked(page)
    await expect(page.locator(f'article[data-id="{before}"]')).to_be_attached(timeout=MADE_MS)

    async def routers() -> list[int]:
        return await anyio.to_thread.run_sync(pids_of, service, "Router")

    for pid in await until(routers):
        os.kill(pid, signal.SIGKILL)
    await page.fill("#prompt", f"a red ball rolls on a black background {mark} meanwhile")
    await page.click("#make")  # nobody is there to hear it; Serve may have another Router before the page has to say so
    cards = page.locator("article.made", has_text=mark)
    await expect(cards).to_have_count(2, timeout=2 * MADE_MS)
    await expect(page.locator("#away")).to_be_hidden(timeout=MADE_MS)
    await expect(page.locator(f'article.made[data-id="{before}"]')).to_be_attached()
    await page.reload()
    await expect(cards).to_have_count(2, timeout=MADE_MS)
    async with httpx.AsyncClient(base_url=service.url, timeout=30) as client:
        listed = (await client.get("/v1/videos", params={"limit": 50})).json()["data"]
    assert len([video for video in listed if mark in video["prompt"]]) == 2
    await expect(page.locator("#trouble")).to_be_empty()
    await context.close()
    assert not errors
