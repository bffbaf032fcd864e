"""A video from a stranger comes in, decoded as it streams; its pictures at a clip's size, rate and length go out."""

from __future__ import annotations

import io
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.stream import Disposition
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image, ImageOps

from app.errors import InvalidRequest, PayloadTooLarge
from app.types import VideoSpec
from app.video.mp4_tables import names_too_many
from app.video.picture import LEAST_SIDE, MOST_SIDE, what_it_is

CONTENT_TYPE: Final = "video/x-matroska"
PARAM: Final = "input_references"
CODE: Final = "invalid_video"
_MATROSKA: Final = b"\x1a\x45\xdf\xa3"
_CODECS: Final = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "prores", "mjpeg", "ffv1"})
"""Decoders of what cameras, phones and browsers make, and of lossless masters; libavcodec has hundreds of others."""
_HDR: Final = {16: "PQ (HDR10)", 18: "HLG"}  # transfer characteristics of ITU-T H.273
_MOST_IDLE: Final = 10_000  # packets in a row of which no picture comes
_BT709_FROM: Final = 720  # rows; where a file says nothing, larger ones are BT.709 and smaller ones BT.601
_UNSAID: Final = 2
_ITU709, _ITU601 = 1, 5


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """What is read of one video: bytes of the file, and pixels of all pictures that are decoded together."""

    most_bytes: int
    most_pixels: int


@dataclass(frozen=True, slots=True)
class CleanVideo:
    """A video of the clip's own shape, without loss, as Matroska with FFV1; `held`: its last picture stands still at
    the end, since it is shorter than the clip."""

    content: bytes
    held: bool = False


def is_video(head: bytes) -> bool:
    """Whether a file begins as one of the containers that are read here."""
    return head.startswith(_MATROSKA) or head[4:8] == b"ftyp"


def clean_video(source: bytes | Path, spec: VideoSpec, limits: VideoLimits) -> CleanVideo:
    """An MP4, MOV, WebM or Matroska as a video of exactly `spec`.

    Of its first video stream, the picture of each moment k / fps is the last one that begins by then, whatever the
    file's own rate or rates. Each is turned as the file says, made square in its pixels, scaled until it covers the
    clip, the rest cut off evenly. What is behind the clip's end is not decoded.

    Raises:
        PayloadTooLarge: more bytes or pixels than that, before they are decoded (`video_input_too_large`).
        InvalidRequest: no such video, damaged, turned by no quarter, or in HDR (`invalid_video`).
    """
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > limits.most_bytes:
        raise _too_large(f"at most {limits.most_bytes:,} bytes")
    head = source[:64] if isinstance(source, bytes) else _head(source)
    if not is_video(head):
        raise _bad(f"it is {what_it_is(head, size)}; it has to be an MP4, MOV, WebM or Matroska")
    if not head.startswith(_MATROSKA) and _says_too_many(source):
        raise _too_large("its headers count more pictures than it can hold")
    try:
        return _cleaned(source, "matroska" if head.startswith(_MATROSKA) else "mp4", spec, limits)
    except (av.FFmpegError, EOFError, IndexError, ValueError, MemoryError, OverflowError) as error:
        raise _bad(f"it is damaged or cut off ({type(error).__name__})") from error


def frames_of(clean: bytes, spec: VideoSpec) -> NDArray[np.uint8]:
    """The pictures of one of `clean_video`'s, uint8 (F, height, width, 3). Raises InvalidRequest: it is damaged."""
    try:
        with av.open(io.BytesIO(clean), "r", format="matroska") as file:
            found = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise InvalidRequest("The stored video is damaged.", PARAM, CODE) from error
    if found.shape != (spec.frames, spec.height, spec.width, 3):
        raise InvalidRequest("The stored video is of another shape.", PARAM, CODE)
    return found


def _cleaned(source: bytes | Path, container: str, spec: VideoSpec, limits: VideoLimits) -> CleanVideo:
    file = io.BytesIO(source) if isinstance(source, bytes) else str(source)
    out, made, last = io.BytesIO(), 0, None
    with (
        av.open(file, "r", format=container, metadata_errors="ignore") as read,
        av.open(out, "w", format="matroska", options={"fflags": "+bitexact"}) as written,
    ):
        stream: Any = written.add_stream("ffv1", rate=spec.fps)
        stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, "bgr0"
        stream.codec_context.thread_count = 1  # the same bytes on every machine
        for last in _fitted_ones(read, spec, limits):
            written.mux(stream.encode(VideoFrame.from_ndarray(last, format="rgb24")))
            made += 1
        if last is None:
            raise _bad("there is no picture in it")
        for _ in range(spec.frames - made):
            written.mux(stream.encode(VideoFrame.from_ndarray(last, format="rgb24")))
        written.mux(stream.encode())
    return CleanVideo(out.getvalue(), made < spec.frames)


def _fitted_ones(file: Any, spec: VideoSpec, limits: VideoLimits) -> Iterator[NDArray[np.uint8]]:
    """A picture for each moment of the clip, as far as the video goes."""
    stream = _stream(file)
    aspect, made, fitted, shown = _aspect(stream), 0, None, None
    for at, frame in _timed(file, stream, limits):
        while shown is not None and made < spec.frames and at > made / spec.fps + 1e-6:
            fitted = _fitted(shown, spec, aspect) if fitted is None else fitted
            yield fitted
            made += 1
        if made == spec.frames:
            return
        shown, fitted = frame, None
        end = at + _length(frame, stream)
    if shown is None:
        return
    while made < spec.frames and made / spec.fps < end - 1e-6:
        fitted = _fitted(shown, spec, aspect) if fitted is None else fitted
        yield fitted
        made += 1


def _timed(file: Any, stream: Any, limits: VideoLimits) -> Iterator[tuple[float, Any]]:
    """Each picture with the second at which it begins, from 0 on and never falling."""
    began: float | None = None
    at, sides, decoded = 0.0, None, 0
    for frame in _decoded(file, stream):
        _check_frame(frame, limits)
        decoded += frame.width * frame.height
        if decoded > limits.most_pixels:
            raise _too_large(f"at most {limits.most_pixels / 1e6:,.0f} megapixels of all its pictures together")
        if sides not in (None, (frame.width, frame.height)):
            raise _bad("its size changes on the way")
        sides = (frame.width, frame.height)
        said = frame.time
        if began is None:
            began = said or 0.0
        elif said is None:
            at += _length(frame, stream)
        at = at if said is None else max(at, said - began)
        yield at, frame


def _stream(file: Any) -> Any:
    """The first video stream that is no cover, set up to decode no more than is looked at."""
    streams = [each for each in file.streams.video if not each.disposition & Disposition.attached_pic]
    if not streams:
        raise _bad("there is no picture in it")
    stream = streams[0]
    if stream.codec_context is None or stream.codec_context.codec.canonical_name not in _CODECS:
        name = "an unknown codec" if stream.codec_context is None else stream.codec_context.codec.canonical_name
        raise _bad(f"it is in {name}, which is not read here: H.264, HEVC, VP8, VP9, AV1, MPEG-4 and ProRes are")
    _check_sides(stream.codec_context.width, stream.codec_context.height)
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(MOST_SIDE * MOST_SIDE // 4)}
    return stream


def _decoded(file: Any, stream: Any) -> Iterator[Any]:
    idle = 0
    for packet in file.demux(stream):
        idle += 1
        if idle > _MOST_IDLE:
            raise _bad(f"no picture comes of {_MOST_IDLE:,} packets in a row")
        for frame in packet.decode():
            idle = 0
            yield frame


def _check_frame(frame: Any, limits: VideoLimits) -> None:
    _check_sides(frame.width, frame.height)
    if frame.width * frame.height > limits.most_pixels:
        raise _too_large(f"at most {limits.most_pixels / 1e6:,.0f} megapixels of all its pictures together")
    if (curve := _HDR.get(int(frame.color_trc))) is not None:
        raise _bad(f"it is in HDR, {curve}: convert it to SDR (BT.709) first")
    if int(frame.rotation) % 90:
        raise _bad(f"it is turned by {int(frame.rotation)} degrees, and quarters alone are read here")


def _check_sides(width: int, height: int) -> None:
    if max(width, height) > MOST_SIDE or width * height > MOST_SIDE * MOST_SIDE // 4:
        raise _too_large(f"{width}x{height} is larger than is read here")
    if 0 < min(width, height) < LEAST_SIDE:
        raise _bad(f"its sides must have {LEAST_SIDE} pixels or more")


def _length(frame: Any, stream: Any) -> float:
    """Seconds that a picture is shown for, as it says itself, or by the file's rate."""
    if frame.duration and frame.time_base:
        return float(frame.duration * frame.time_base)
    return 1.0 / float(stream.average_rate) if stream.average_rate else 0.04


def _aspect(stream: Any) -> float:
    """How wide a pixel is for its height; 1 for what no camera makes."""
    said = float(stream.sample_aspect_ratio or 1)
    return said if 0.25 <= said <= 4 else 1.0


def _fitted(frame: Any, spec: VideoSpec, aspect: float) -> NDArray[np.uint8]:
    """(height, width, 3): upright, square in its pixels, covering the clip."""
    said = int(frame.colorspace)
    matrix = said if said != _UNSAID else _ITU709 if frame.height >= _BT709_FROM else _ITU601
    known = {1: _ITU709, 4: 4, 5: _ITU601, 6: _ITU601, 7: 7, 9: 9, 10: 9}.get(matrix)
    pixels = frame.reformat(format="rgb24", src_colorspace=known).to_ndarray()
    picture = Image.fromarray(pixels)
    if aspect != 1:
        picture = picture.resize((max(1, round(picture.width * aspect)), picture.height), Image.Resampling.LANCZOS)
    if quarters := int(frame.rotation) // 90 % 4:
        picture = Image.fromarray(np.ascontiguousarray(np.rot90(np.asarray(picture), quarters)))
    return np.asarray(ImageOps.fit(picture, (spec.width, spec.height), Image.Resampling.LANCZOS), np.uint8)


def _says_too_many(source: bytes | Path) -> bool:
    if isinstance(source, bytes):
        return names_too_many(source)
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return names_too_many(mapped)


def _head(source: Path) -> bytes:
    with source.open("rb") as file:
        return file.read(64)


def _bad(why: str) -> InvalidRequest:
    return InvalidRequest(f"The video cannot be read: {why}.", PARAM, CODE)


def _too_large(what: str) -> PayloadTooLarge:
    return PayloadTooLarge(f"The video is too large: {what}.", PARAM, "video_input_too_large")
