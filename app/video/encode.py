"""Frames come in, the bytes of an MP4 go out: H.264 that every browser plays, exact in time and true in colour."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from app.errors import GenerationError
from app.types.waveform import Waveform
from app.video.sound import AacTrack, encodable, index_bytes

Frames = NDArray[np.uint8]
"""Pictures in sRGB, (F, H, W, 3)."""

_BT709: Final = 1  # the number of BT.709 in ITU-T H.273, for primaries, transfer and matrix
_LIMITED: Final = 1  # FFmpeg's number of the 16..235 range
_INDEX_BYTES: Final = 2048
_INDEX_BYTES_A_FRAME: Final = 32  # size 4, chunk offset 4 (8 in a huge file), chunk row 12, key frame 4
LUMA: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""BT.709's Kr, Kg, Kb."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How pictures up to `pixels` are encoded. A fixed number of threads keeps the bytes the same on every machine."""

    pixels: int
    crf: int
    preset: str
    threads: int


QUALITIES: Final = (
    Quality(128 * 128, 12, "medium", 1),
    Quality(256 * 256, 11, "veryfast", 1),
    Quality(640 * 640, 15, "fast", 2),
    Quality(1 << 62, 17, "veryfast", 4),
)
"""Small pictures are shown enlarged, so they get the finest steps."""


def checked(frames: Frames) -> Frames:
    """The frames, if they are uint8 (F, H, W, 3) with something in them. Raises GenerationError."""
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
        message = f"Frames must be uint8 (F, H, W, 3), not {frames.dtype} {frames.shape}."
        raise GenerationError(message, code="unusable_frames")
    return frames


def encode(frames: Frames, fps: int, heard: Waveform | None = None) -> bytes:
    """An MP4 of exactly F frames lasting F / fps seconds, its index in front; the same frames give the same bytes.

    H.264 has no odd sizes in 4:2:0: an odd width or height is made even by repeating the last column or row. With sound
    it has a track of AAC that is as long as the pictures, to a sample: cut, or silent at its end.

    Raises:
        GenerationError: unusable frames or rate, or an FFmpeg that cannot write H.264.
    """
    return encode_each(checked(frames), len(frames), fps, heard)


def encode_each(pictures: Iterable[NDArray[np.uint8]], count: int, fps: int, heard: Waveform | None = None) -> bytes:
    """The same of `count` pictures that come one by one, uint8 (H, W, 3), all of one size.

    Raises:
        GenerationError: as `encode`, and whatever making the pictures raises.
    """
    if fps < 1:
        raise GenerationError(f"A video needs at least one frame a second, not {fps}.", code="unusable_frames")
    file = io.BytesIO()
    try:
        _write(file, pictures, count, fps, None if heard is None else encodable(heard.lasting(count / fps)))
    except (av.FFmpegError, ValueError) as error:  # ValueError: no such encoder
        raise GenerationError(f"The video could not be encoded: {error}", code="encoding_failed") from error
    return file.getvalue()


def _write(
    file: io.BytesIO, pictures: Iterable[NDArray[np.uint8]], count: int, fps: int, heard: Waveform | None
) -> None:
    coming = map(_even, pictures)
    first = next(coming)
    height, width, _ = first.shape
    # moov_size keeps room for the index in front; "faststart" would need a file with a name to read back.
    room = _INDEX_BYTES + count * _INDEX_BYTES_A_FRAME + (0 if heard is None else index_bytes(heard))
    layout = {"moov_size": str(room), "fflags": "bitexact"}
    with av.open(file, "w", format="mp4", options=layout) as container:
        stream = h264_stream(container, width, height, fps)
        track = None if heard is None else AacTrack(container, heard)
        context = stream.codec_context
        for number, picture in enumerate(chain([first], coming), start=1):
            frame = av.VideoFrame.from_ndarray(yuv420p(picture), format="yuv420p")
            frame.pts, frame.time_base = number - 1, context.time_base
            container.mux(stream.encode(frame))
            if track is not None:
                track.until(number / fps)
        container.mux(stream.encode(None))
        if track is not None:
            track.end()


def h264_stream(container: Any, width: int, height: int, fps: int) -> Any:
    """A stream of an open PyAV container for frames of an even size: what decides how ours are encoded, in one place.

    Streams of one size and rate have the same parameter sets, so that their packets can stand in one file.
    """
    quality = next(row for row in QUALITIES if width * height <= row.pixels)
    # bf=0: without frames out of order the first timestamp is 0 and no edit list is needed.
    wishes = {"crf": str(quality.crf), "preset": quality.preset, "bf": "0"}
    stream = container.add_stream("libx264", rate=fps, options=wishes)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, fps)
    context.thread_count = quality.threads
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = _LIMITED
    return stream


def yuv420p(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One even-sized sRGB picture (H, W, 3) as planar limited-range BT.709, (H * 3 / 2, W), as PyAV takes it.

    Chroma sits on the left column of each 2 x 2 block, as H.264 has it by default. Written out here because the
    converter's defaults are BT.601 and differ between versions.
    """
    height, width, _ = picture.shape
    rgb = picture.astype(np.float32)
    luma = rgb @ LUMA  # (H, W), 0..255
    blue = chroma((rgb[..., 2] - luma) / (2 * (1 - LUMA[2])))
    red = chroma((rgb[..., 0] - luma) / (2 * (1 - LUMA[0])))
    planes = np.concatenate([(16 + luma * (219 / 255)).ravel(), blue.ravel(), red.ravel()])
    whole: NDArray[np.uint8] = np.rint(planes).astype(np.uint8)
    return whole.reshape(height * 3 // 2, width)


def chroma(difference: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) in -127.5..127.5 to (H / 2, W / 2) in 16..240: rows averaged, columns weighted 1 2 1 around the left."""
    rows = (difference[0::2] + difference[1::2]) / 2
    left = np.concatenate([rows[:, :1], rows[:, 1:-1:2]], axis=1)
    sited: NDArray[np.float32] = 128 + (left + 2 * rows[:, 0::2] + rows[:, 1::2]) * np.float32(224 / 255 / 4)
    return sited


def _even(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width, _ = picture.shape
    if height % 2 == 0 and width % 2 == 0:
        return picture
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
