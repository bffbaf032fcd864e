"""`python -m cluster.tour URL`: goes through a running service's page and draws README's moving picture."""

from __future__ import annotations

import argparse
import asyncio
import io
import shutil
from collections.abc import Sequence
from pathlib import Path

import av
from PIL import Image
from playwright.async_api import Page, ViewportSize, async_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "page.webp"
WALL = ROOT / "app" / "studio" / "wall"
PROMPT = "a red circle moves right and a blue square moves left on a black background"
CLIPS = ("00.mp4", "04.mp4", "08.mp4")
MOST_BYTES = 1_500_000
SCREEN: ViewportSize = {"width": 1200, "height": 760}
WIDTH = 900
FRAME_MS = 125
MOST_WAITED = 1200  # frames for the video to be made


async def tour(url: str) -> list[Image.Image]:
    """What one sees who asks for a video: the words, the plan, the steps, the video."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise FileNotFoundError("There is no Chromium on the PATH.")
    seen: list[Image.Image] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page(viewport=SCREEN, color_scheme="dark", locale="en-GB")
        await page.goto(url)
        await page.wait_for_selector("#stage:not([hidden]), #wall button")
        await _look(page, seen, 8)
        for end in range(3, len(PROMPT) + 3, 3):
            await page.fill("#prompt", PROMPT[:end])
            await _look(page, seen, 1)
        await page.wait_for_selector(".plan-head")
        await _look(page, seen, 10)
        await page.click("#make")
        for _ in range(MOST_WAITED):
            await _look(page, seen, 1)
            if await page.evaluate("document.querySelector('#stage:not(.live) video')?.readyState > 1"):
                break
        await _look(page, seen, 24)
        await browser.close()
    return seen


async def _look(page: Page, seen: list[Image.Image], times: int) -> None:
    for _ in range(times):
        shot = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
        seen.append(shot.resize((WIDTH, WIDTH * shot.height // shot.width), Image.Resampling.LANCZOS))
        await page.wait_for_timeout(FRAME_MS)


def strip(names: Sequence[str] = CLIPS, folder: Path = WALL) -> list[Image.Image]:
    """Three videos side by side, as wide as the page's picture."""
    clips = []
    for name in names:
        with av.open(str(folder / name)) as container:
            clips.append([frame.to_image() for frame in container.decode(video=0)])
    side = WIDTH // len(clips)
    rows = []
    for number in range(max(map(len, clips))):
        row = Image.new("RGB", (WIDTH, side))
        for place, clip in enumerate(clips):
            row.paste(clip[number % len(clip)].resize((side, side), Image.Resampling.LANCZOS), (place * side, 0))
        rows.append(row)
    return rows


def thinned(frames: Sequence[Image.Image], most: int) -> list[Image.Image]:
    """About so many of them, evenly, and the last one always."""
    every = max(1, -(-len(frames) // most))
    return [*frames[:-1:every], frames[-1]]


def written(frames: Sequence[Image.Image], path: Path, ms: int, most_bytes: int) -> int:
    """An animated WebP within so many bytes, of the best quality that fits; returns its bytes. Raises ValueError."""
    for quality in (75, 60, 45, 30):
        file = io.BytesIO()
        options = {"save_all": True, "append_images": list(frames[1:]), "duration": ms, "loop": 0}
        frames[0].save(file, "WEBP", quality=quality, method=4, **options)
        if file.tell() <= most_bytes:
            path.write_bytes(file.getvalue())
            return file.tell()
    raise ValueError(f"{path.name} would have more than {most_bytes:,} bytes.")


async def make(url: str, path: Path = PICTURE) -> int:
    """Draw the page's picture, and beside it `videos.webp`; returns the bytes of both."""
    videos = written(strip(), path.with_name("videos.webp"), FRAME_MS, MOST_BYTES // 3)
    return videos + written(thinned(await tour(url), 110), path, FRAME_MS, MOST_BYTES - videos)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000")
    print(f"{asyncio.run(make(parser.parse_args().url)):,} bytes")  # noqa: T201
