"""A finished video comes in; the same as a GIF or a WebP goes out, small enough to be posted where no video plays."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Final

import av
from PIL import Image

from app.errors import PayloadTooLarge

MOST_SIDE: Final = {"gif": 320, "webp": 480}
"""Pixels of the longer side."""
MOST_FPS: Final = {"gif": 12.5, "webp": 25.0}  # frames of a GIF last whole hundredths of a second
MOST_FRAMES: Final = 300
MOST_BYTES: Final = 16 * 2**20


def animated(mp4: bytes, kind: str) -> bytes:
    """`kind` is "gif" or "webp": every frame, or every second, third …, at the speed of the video; it plays for ever.

    Raises PayloadTooLarge where it would be more than MOST_FRAMES or MOST_BYTES.
    """
    with av.open(io.BytesIO(mp4)) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or 8)
        every = max(1, round(fps / MOST_FPS[kind] + 0.49))
        frames = list(_frames(container, every, MOST_SIDE[kind]))
    file = io.BytesIO()
    options: dict[str, Any] = {
        "save_all": True,
        "append_images": frames[1:],
        "duration": round(1000 * every / fps),
        "loop": 0,
    }
    options |= {"optimize": True} if kind == "gif" else {"quality": 75, "method": 2}
    frames[0].save(file, kind.upper(), **options)
    if file.tell() > MOST_BYTES:
        raise PayloadTooLarge(f"It would have more than {MOST_BYTES:,} bytes; take the video.", "variant")
    return file.getvalue()


def _frames(container: Any, every: int, side: int) -> Iterator[Image.Image]:
    for number, frame in enumerate(container.decode(video=0)):
        if number >= MOST_FRAMES * every:
            raise PayloadTooLarge(f"It would have more than {MOST_FRAMES} frames; take the video.", "variant")
        if number % every == 0:
            picture: Image.Image = frame.to_image()
            picture.thumbnail((side, side))
            yield picture
