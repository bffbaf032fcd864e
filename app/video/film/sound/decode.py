"""A file with sound comes in, whoever sent it; mono at 48 kHz goes out, piece after piece."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from app.video.film.sound.samples import RATE, Sound

BEGINNINGS: Final = (
    (0, b"fLaC", "flac"),
    (0, b"RIFF", "wav"),
    (0, b"RF64", "wav"),
    (0, b"OggS", "ogg"),
    (0, b"ID3", "mp3"),
    (4, b"ftyp", "mp4"),
    (0, b"FORM", "aiff"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
)
"""How files begin that are read. FFmpeg itself is never asked: among what it knows are lists of addresses to open."""


def pieces(path: Path) -> Iterator[Sound]:
    """All of its sound, channels mixed into one, as long as it is to a sample (rounded).

    Raises:
        ValueError, OSError, av.FFmpegError: it cannot be read, or has no sound.
    """
    with av.open(str(path), "r", format=_format(path)) as container:
        if not container.streams.audio:
            raise ValueError("there is no sound in it")
        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        decoded = 0
        for frame in container.decode(stream):
            decoded += frame.samples
            yield from _sounds(resampler.resample(frame))
        if not decoded:
            raise ValueError("there is no sound in it")
        yield from _sounds(resampler.resample(None))


def _sounds(frames: list[Any]) -> Iterator[Sound]:
    for frame in frames:
        sound: Sound = frame.to_ndarray().reshape(-1).astype(np.float32)
        # A float file may hold anything; what is not a number would spread over the whole film.
        yield np.nan_to_num(sound, nan=0.0, posinf=1.0, neginf=-1.0).clip(-4, 4)


def _format(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(16)
    for at, beginning, name in BEGINNINGS:
        if head[at:].startswith(beginning):
            return name
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "aac" if head[1] & 0xF6 == 0xF0 else "mp3"
    raise ValueError("it is no FLAC, WAV, Ogg, MP3, AAC, MP4, AIFF or Matroska file")
