"""The page in a real headless Chromium, from a house behind a real server."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

from app.video.encode import encode
from tests.api.house import House
from tests.api.served import ServedHouse, served
from tests.waiting import until

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_MS = 45_000  # of a busy machine
expect.set_options(timeout=PATIENCE_MS)

Open = Callable[..., AbstractAsyncContextManager[tuple[Page, ServedHouse]]]


@lru_cache
def mp4() -> bytes:
    """Two seconds that a browser can play."""
    frames = np.zeros((16, 64, 64, 3), np.uint8)
    for number, frame in enumerate(frames):
        frame[:, 4 * number : 4 * number + 4] = (220, 20, 60)
    return encode(frames, 8)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for a file's tests, in which its browser lives."""
    return "asyncio"


@pytest.fixture(scope="module")
async def browser(request: pytest.FixtureRequest, anyio_backend: str) -> AsyncIterator[Browser]:
    """One for a file's tests, each of which has a context of its own. A parameter names arguments of Playwright's that
    it goes without."""
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip(f"no Chromium on the PATH: looked for {', '.join(CHROMIUMS)} (Debian: apt-get install chromium)")
    without: list[str] = getattr(request, "param", [])
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"], ignore_default_args=without or None
        )
        yield opened
        await opened.close()


@pytest.fixture
def studio(browser: Browser) -> Open:
    """Opens the page of a house with those settings.

    A script error in it, what the console calls one (a broken policy is among that), a dialog, and a request to
    anybody else fail the test; answers that are refusals do not, where it says `refused`.
    """

    @asynccontextmanager
    async def opened(
        house: House | None = None, refused: bool = False, path: str = "/", **options: Any
    ) -> AsyncIterator[tuple[Page, ServedHouse]]:
        async with served(house or House(video=mp4())) as server:
            context = await browser.new_context(**{"locale": "en-GB", "service_workers": "block", **options})
            try:
                page = await context.new_page()
                page.set_default_timeout(PATIENCE_MS)
                errors = listen(page, server.url, refused)
                await page.goto(server.url + path)
                yield page, server
            finally:
                await context.close()
        assert not errors

    return opened


async def holds(page: Page, expression: str, arg: object = None) -> None:
    """Wait until an expression is true. Not Playwright's way: its own needs `unsafe-eval`, which the page forbids."""

    async def true() -> bool:
        return bool(await page.evaluate(expression, arg))

    await until(true)


def listen(page: Page, url: str, refused: bool = False) -> list[str]:
    """What is wrong with the page so far, a list that grows."""
    errors: list[str] = []

    def told(message: ConsoleMessage) -> None:
        answer = message.text.startswith("Failed to load resource")
        if message.text.startswith("Service Worker registration blocked by Playwright"):
            return
        if message.type in ("error", "warning") and not (answer and refused):
            errors.append(f"{message.type}: {message.text} {message.location}")

    def asked(request: Request) -> None:
        if not request.url.startswith((url, "blob:", "data:")):
            errors.append(f"a request to {request.url}")

    page.on("console", told)
    page.on("request", asked)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(f"a dialog: {dialog.message}"))
    return errors
