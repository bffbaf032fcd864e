"""The page before the real service: asked, watched, played, and what is seen on it judged from its pixels."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
import torch
from playwright.async_api import Page, expect

from app.embedded.checker.checker import look
from cluster.local import LocalService
from tests.studio.conftest import browser, holds

__all__ = ["browser"]

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


async def frames(page: Page, count: int) -> np.ndarray:
    """What the page's player shows, frame by frame: uint8 (frames, height, width, 3)."""
    found = []
    for number in range(1, count + 1):
        await expect(page.locator("#detail output")).to_have_text(f"frame {number} of {count}")
        width, height, text = await page.evaluate(DRAW)
        found.append(np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 3))
        await page.click('#detail [data-act="forth"]')
    return np.stack(found)


async def test_what_is_asked_for_is_watched_and_seen(browser: Any, service: LocalService) -> None:
    context = await browser.new_context(locale="en-GB", reduced_motion="reduce", service_workers="block")
    page = await context.new_page()
    page.set_default_timeout(MADE_MS)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    await page.goto(service.url)
    other = await context.new_page()
    await other.goto(service.url)
    await page.bring_to_front()
    await page.fill("#prompt", PROMPT)
    await page.fill("#seed", "3")
    await expect(page.locator(".plan-head")).to_contain_text("steps", timeout=MADE_MS)
    await page.click("#make")
    mine = page.locator("article", has_text=PROMPT).first
    await expect(mine).to_be_attached(timeout=MADE_MS)
    video = str(await mine.get_attribute("data-id"))
    await expect(other.locator(f'article[data-id="{video}"]')).to_be_attached(timeout=MADE_MS)
    await page.reload()  # in the middle
    await expect(page.locator(f'article[data-id="{video}"] [data-act="save"]')).to_be_visible(timeout=MADE_MS)
    await page.goto(f"{service.url}/#/video/{video}")
    await holds(page, "document.querySelector('#detail video')?.readyState > 1")
    seen = look(torch.from_numpy(await frames(page, 17)))
    assert seen.ground == "black"
    square = seen.subject("yellow")
    assert square is not None
    assert (square.shape, square.motion) == ("square", "right")
    await context.close()
    assert not broken
