"""Frames come in, every file of a finished job goes out by variant: video, thumbnail, spritesheet, pictures."""

from __future__ import annotations

from typing import NamedTuple

from app.video.encode import Frames, checked, encode
from app.video.preview import spritesheet, stills, thumbnail

WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0)
"""Seconds before each further try while the finisher or a store is away: a minute and a half in all."""

TRIES = 4  # where it is there, and fails
UNSTORED = "artifact_store_failed"
"""The code of a job whose files the store would not take."""


class File(NamedTuple):
    """A file ready to be stored; `extension` begins with a dot."""

    content: bytes
    content_type: str
    extension: str


def finish(frames: Frames, fps: int) -> dict[str, File]:
    """All files of a video, from uint8 frames (F, H, W, 3). Pure: the same frames give the same bytes.

    A video of one frame is a picture, too: as png, jpeg and webp.

    Raises:
        GenerationError: unusable frames, or the encoder failed.
    """
    checked(frames)
    pictures = stills(frames[0]) if len(frames) == 1 else {}
    return {
        **{kind: File(content, f"image/{kind}", f".{kind}") for kind, content in pictures.items()},
        "video": File(encode(frames, fps), "video/mp4", ".mp4"),
        "thumbnail": File(thumbnail(frames), "image/webp", ".webp"),
        "spritesheet": File(spritesheet(frames), "image/jpeg", ".jpg"),
    }


def again_in(tries: int, away: bool) -> float | None:
    """Seconds until finished frames are handed on again, after so many tries; None: no more."""
    most = len(WAITS_S) + 1 if away else TRIES
    return WAITS_S[tries - 1] if tries < most else None
