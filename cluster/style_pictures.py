"""`python -m cluster.style_pictures`: a running service draws the page's picture of each style (app/studio/styles)."""

from __future__ import annotations

import argparse
import asyncio
import io
from pathlib import Path

from PIL import Image

from app.client import Kinoray
from app.plan.styles.styles import TEMPLATES

STYLES = Path(__file__).resolve().parent.parent / "app" / "studio" / "styles"
MOST_BYTES = 4_096  # of each: they are part of the page
SIDE = 96
SEED = 11
SUBJECTS = {
    "cinematic": "a big orange ball rises over a night blue background",
    "commercial": "a small yellow ring spins on a white background",
    "artistic": "a pink star spins and a purple ball orbits on a sandy beach",
    "educational": "a red circle moves right and a blue square moves left on a white background",
    "social": "a pink star bounces on a yellow background",
    "corporate": "a blue square moves up on a gray background",
}
"""What the built-in model knows, as each style is for."""


def small(thumbnail: bytes) -> bytes:
    """A picture of SIDE pixels as a WebP within MOST_BYTES. Raises ValueError."""
    with Image.open(io.BytesIO(thumbnail)) as picture:
        plain = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    for quality in (85, 70, 50, 30):
        file = io.BytesIO()
        plain.save(file, "WEBP", quality=quality, method=6)
        if file.tell() <= MOST_BYTES:
            return file.getvalue()
    raise ValueError(f"The picture has more than {MOST_BYTES:,} bytes.")


async def make(url: str, folder: Path = STYLES) -> int:
    """Write a picture for each of the server's styles; returns their bytes. Raises KinorayClientError, ValueError."""
    folder.mkdir(exist_ok=True)
    async with Kinoray(url) as kinoray:
        asked = {style: await kinoray.create(SUBJECTS[style], style=style, seed=SEED) for style in TEMPLATES}
        for style, video in asked.items():
            await kinoray.wait(video.id)
            (folder / f"{style}.webp").write_bytes(small(await kinoray.content(video.id, "thumbnail")))
    return sum((folder / f"{style}.webp").stat().st_size for style in TEMPLATES)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000")
    print(f"{asyncio.run(make(parser.parse_args().url)):,} bytes")  # noqa: T201
