"""The page in a real headless Chromium, from a house behind a real server."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from app.video.encode import encode
from tests.api.house import House
from tests.api.served import ServedHouse, served

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_MS = 15_000  # of a busy machine
expect.set_options(timeout=PATIENCE_MS)

Open = Callable[..., AbstractAsyncContextManager[tuple[Page, ServedHouse]]]


@lru_cache
def mp4() -> bytes:
    """Two seconds that a browser can play."""
    frames = np.zeros((16, 64, 64, 3), np.uint8)
    for number, frame in enumerate(frames):
        frame[:, 4 * number : 4 * number + 4] = (220, 20, 60)
    return encode(frames, 8)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip(f"no Chromium on the PATH: looked for {', '.join(CHROMIUMS)} (Debian: apt-get install chromium)")
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        await opened.close()


@pytest.fixture
def studio(browser: Browser) -> Open:
    """Opens the page of a house with those settings; a script error in it fails the test."""

    @asynccontextmanager
    async def opened(house: House | None = None, **options: Any) -> AsyncIterator[tuple[Page, ServedHouse]]:
        async with served(house or House(video=mp4())) as server:
            context = await browser.new_context(**options)
            page = await context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("dialog", lambda dialog: errors.append(f"a dialog: {dialog.message}"))
            await page.goto(server.url)
            yield page, server
            await context.close()
        assert not errors

    return opened
