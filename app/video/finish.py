"""Frames come in, every file of a finished job goes out by variant: video, thumbnail, spritesheet, pictures."""

from __future__ import annotations

from typing import NamedTuple

from app.video.encode import Frames, checked, encode
from app.video.preview import spritesheet, stills, thumbnail


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
