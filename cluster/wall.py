"""`python -m cluster.wall`: has a running service make the dozen clips that ship with the page, for app/studio/wall."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from app.client import Kinoray

WALL = Path(__file__).resolve().parent.parent / "app" / "studio" / "wall"
MOST_BYTES = 50_000  # of all clips together: with the page they are within what a first look may weigh
QUALITY = {"crf": "32", "preset": "veryslow", "tune": "animation"}  # of small clips that nobody steps through
SEED = 4
PROMPTS = (
    "a crimson ball rolls to the right on a sand background",
    "three small white stars spin on a night blue background",
    "a green ring moves left on a gray background",
    "a red circle moves right and a blue square moves left on a black background",
    "a pink star above an orange square on a dark green background",
    "a yellow star spins on a sky blue background",
    "a purple triangle slides across the picture from left to right on a beige canvas",
    "two white circles bounce on a dark green field",
    "a big blue star spins on a sandy beach",
    "a small yellow ball inside a white ring on a night blue background",
    "an orange square grows on a black background",
    "a green star moves right and a white ball moves left on a black background",
)


def small(mp4: bytes) -> bytes:
    """The same clip in a third of the bytes."""
    file = io.BytesIO()
    with av.open(io.BytesIO(mp4)) as clip, av.open(file, "w", format="mp4", options={"moov_size": "1024"}) as made:
        pictures = clip.streams.video[0]
        rate = Fraction(pictures.average_rate or 8)
        stream: Any = made.add_stream("libx264", rate=rate, options=QUALITY)
        stream.width, stream.height, stream.pix_fmt = pictures.width, pictures.height, "yuv420p"
        for number, picture in enumerate(clip.decode(video=0)):
            frame = av.VideoFrame.from_ndarray(picture.to_ndarray(format="yuv420p"), format="yuv420p")
            frame.pts, frame.time_base = number, 1 / rate
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    return file.getvalue()


async def make(url: str, folder: Path = WALL) -> int:
    """Make all clips at one seed, premium, and write them with `wall.json`; returns their bytes.

    Raises KinorayClientError, and ValueError where they are more than MOST_BYTES.
    """
    folder.mkdir(exist_ok=True)
    clips: list[dict[str, object]] = []
    async with Kinoray(url) as kinoray:
        asked = [await kinoray.create(prompt, quality_tier="premium", seed=SEED, upscale=1) for prompt in PROMPTS]
        for number, each in enumerate(asked):
            await kinoray.wait(each.id)
            name = f"{number:02}.mp4"
            (folder / name).write_bytes(small(await kinoray.content(each.id)))
            clips.append({"file": name, "prompt": each.prompt, "tier": "premium", "seed": SEED})
    (folder / "wall.json").write_text(json.dumps(clips, indent=2) + "\n")
    size = sum((folder / str(clip["file"])).stat().st_size for clip in clips)
    if size > MOST_BYTES:
        raise ValueError(f"The clips have {size:,} bytes, of {MOST_BYTES:,} at most.")
    return size


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000")
    print(f"{asyncio.run(make(parser.parse_args().url)):,} bytes")  # noqa: T201
