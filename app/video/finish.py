"""Frames come in, every file of a finished job goes out by variant: video, thumbnail, spritesheet, pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.types.waveform import Waveform
from app.video.encode import Frames, checked, encode_each
from app.video.preview import spritesheet, stills, thumbnail
from app.video.sound import m4a, wav

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


class Shown(NamedTuple):
    """What is shown instead of the frames that were made: the pictures, uint8 (H, W, 3) each, and how many."""

    pictures: Iterable[NDArray[np.uint8]]
    frames: int


def finish(frames: Frames, fps: int, shown: Shown | None = None, heard: Waveform | None = None) -> dict[str, File]:
    """All files of a video, from uint8 frames (F, H, W, 3). Pure: the same frames give the same bytes.

    `shown` are taken one by one. A video of one frame is a picture, too: as png, jpeg and webp. What is `heard` is in
    the video, and alone: as `audio`, an m4a, and as `wav`, all of them as long as the pictures.

    Raises:
        GenerationError: unusable frames or sound, or the encoder failed.
    """
    checked(frames)
    pictures, count = shown or Shown(frames, len(frames))
    if count == 1:
        pictures = [next(iter(pictures))]
    single = stills(pictures[0]) if isinstance(pictures, list) else {}
    return {
        **{kind: File(content, f"image/{kind}", f".{kind}") for kind, content in single.items()},
        "video": File(encode_each(pictures, count, fps, heard), "video/mp4", ".mp4"),
        **_sounds(heard, count / fps),
        "thumbnail": File(thumbnail(frames), "image/webp", ".webp"),
        "spritesheet": File(spritesheet(frames), "image/jpeg", ".jpg"),
    }


def _sounds(heard: Waveform | None, seconds: float) -> dict[str, File]:
    if heard is None:
        return {}
    whole = heard.lasting(seconds)
    return {"audio": File(m4a(whole), "audio/mp4", ".m4a"), "wav": File(wav(whole), "audio/wav", ".wav")}


def again_in(tries: int, away: bool) -> float | None:
    """Seconds until finished frames are handed on again, after so many tries; None: no more."""
    most = len(WAITS_S) + 1 if away else TRIES
    return WAITS_S[tries - 1] if tries < most else None
