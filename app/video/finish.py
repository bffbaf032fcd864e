"""Frames come in, every file of a finished job goes out by variant: video, thumbnail, spritesheet."""

from __future__ import annotations

from typing import NamedTuple

from app.video.encode import Frames, checked, encode
from app.video.preview import spritesheet, thumbnail


class File(NamedTuple):
    """A file ready to be stored; `extension` begins with a dot."""

    content: bytes
    content_type: str
    extension: str


def finish(frames: Frames, fps: int) -> dict[str, File]:
    """All files of a video, from uint8 frames (F, H, W, 3). Pure: the same frames give the same bytes.

    Raises:
        GenerationError: unusable frames, or the encoder failed.
    """
    checked(frames)
    return {
        "video": File(encode(frames, fps), "video/mp4", ".mp4"),
        "thumbnail": File(thumbnail(frames), "image/webp", ".webp"),
        "spritesheet": File(spritesheet(frames), "image/jpeg", ".jpg"),
    }
