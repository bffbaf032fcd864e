"""Videos from strangers, made by FFmpeg: of any rate, turn, matrix and size; hostile ones are answered clearly."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from app.errors import InvalidRequest, KinorayError, PayloadTooLarge
from app.types import VideoSpec
from app.video.given_video import CleanVideo, VideoLimits, clean_video, frames_of

SPEC = VideoSpec(64, 48, 9, 8)
LIMITS = VideoLimits(2**24, 10**8)
Frames = NDArray[np.uint8]


def ramp(frames: int = 24, width: int = 64, height: int = 48) -> Frames:
    """Each picture of one grey, 10 brighter than the one before."""
    greys = (10 * np.arange(frames) % 240).astype(np.uint8)
    pictures: Frames = np.broadcast_to(greys[:, None, None, None], (frames, height, width, 3)).copy()
    return pictures


def corners(width: int = 96, height: int = 64) -> Frames:
    """Red, green, blue and white quarters."""
    picture = np.zeros((1, height, width, 3), np.uint8)
    middle, half = height // 2, width // 2
    picture[0, :middle, :half] = (200, 20, 20)
    picture[0, :middle, half:] = (20, 200, 20)
    picture[0, middle:, :half] = (20, 20, 200)
    picture[0, middle:, half:] = (235, 235, 235)
    return picture


def written(
    frames: Frames,
    fps: int = 8,
    form: str = "mp4",
    codec: str = "libx264",
    times: list[float] | None = None,
    pix_fmt: str = "yuv420p",
    **stream_facts: Any,
) -> bytes:
    """The frames in a container, nearly without loss; `times`: seconds at which each begins."""
    out = io.BytesIO()
    with av.open(out, "w", format=form) as container:
        stream: Any = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], pix_fmt
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if codec == "libx264":
            stream.options = {"crf": "4", "preset": "ultrafast"}
        for name, value in stream_facts.items():
            setattr(stream.codec_context, name, value)
        for at, picture in enumerate(frames):
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(1000 * (at / fps if times is None else times[at])), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


def greys(clean: CleanVideo, spec: VideoSpec = SPEC) -> list[int]:
    return [round(float(frame.mean())) for frame in frames_of(clean.content, spec)]


def near(found: list[int], wanted: list[int]) -> bool:
    return len(found) == len(wanted) and all(abs(a - b) <= 4 for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize(
    ("form", "codec", "pix_fmt"),
    [
        ("mp4", "libx264", "yuv420p"),
        ("mov", "prores_ks", "yuv422p10le"),
        ("matroska", "ffv1", "yuv444p"),
        ("webm", "libvpx-vp9", "yuv420p"),
        ("mp4", "mpeg4", "yuv420p"),
    ],
)
def test_what_cameras_and_browsers_make_is_read(form: str, codec: str, pix_fmt: str) -> None:
    clean = clean_video(written(ramp(9), form=form, codec=codec, pix_fmt=pix_fmt), SPEC, LIMITS)
    assert near(greys(clean), [10 * at for at in range(9)])
    assert not clean.held


def test_the_same_video_is_the_same_bytes_from_memory_and_from_a_file(tmp_path: Path) -> None:
    content = written(ramp(9))
    (tmp_path / "a").write_bytes(content)
    assert clean_video(content, SPEC, LIMITS) == clean_video(tmp_path / "a", SPEC, LIMITS)


def test_faster_and_slower_videos_are_resampled_and_cut() -> None:
    every_third = clean_video(written(ramp(24), fps=24), VideoSpec(64, 48, 5, 8), LIMITS)
    assert near(greys(every_third, VideoSpec(64, 48, 5, 8)), [0, 30, 60, 90, 120])
    each_twice = clean_video(written(ramp(9), fps=4), SPEC, LIMITS)
    assert near(greys(each_twice), [0, 0, 10, 10, 20, 20, 30, 30, 40])


def test_a_variable_rate_is_read_by_its_times() -> None:
    times = [0.0, 0.05, 0.5, 0.52, 1.0]
    clean = clean_video(written(ramp(5), times=times), SPEC, LIMITS)
    assert near(greys(clean), [0, 10, 10, 10, 20, 30, 30, 30, 40])


def test_a_video_that_is_too_short_stands_still_at_its_end() -> None:
    clean = clean_video(written(ramp(4)), SPEC, LIMITS)
    assert clean.held
    assert near(greys(clean), [0, 10, 20, *[30] * 6])


def turned(content: bytes, matrix: tuple[int, int, int, int]) -> bytes:
    """The same MP4 with another display matrix (a, b, c, d) in its track's header."""
    at = content.index(b"tkhd") + 4 + 40
    parts = [matrix[0], matrix[1], 0, matrix[2], matrix[3], 0, 0, 0, 1 << 30]
    packed = b"".join(part.to_bytes(4, "big", signed=True) for part in parts)
    return content[:at] + packed + content[at + 36 :]


ONE = 1 << 16
QUARTERS = {1: (0, ONE, -ONE, 0), 2: (-ONE, 0, 0, -ONE), 3: (0, -ONE, ONE, 0)}  # clockwise


@pytest.mark.parametrize("quarters", QUARTERS)
def test_a_turned_video_is_shown_upright(quarters: int) -> None:
    spec = VideoSpec(96, 64, 1, 8) if quarters == 2 else VideoSpec(64, 96, 1, 8)
    clean = clean_video(turned(written(corners()), QUARTERS[quarters]), spec, LIMITS)
    upright = np.rot90(corners()[0], -quarters)
    assert np.abs(frames_of(clean.content, spec)[0].astype(int) - upright).mean() < 6


def test_a_slanted_video_is_refused() -> None:
    slanted = turned(written(corners()), (46341, 46341, -46341, 46341))
    with pytest.raises(InvalidRequest, match="45 degrees"):
        clean_video(slanted, SPEC, LIMITS)


@pytest.mark.parametrize(("curve", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused_with_what_to_do(curve: int, name: str) -> None:
    content = written(ramp(2), color_trc=curve, color_primaries=9, colorspace=9)
    with pytest.raises(InvalidRequest, match=f"HDR.*{name}.*convert it to SDR") as caught:
        clean_video(content, SPEC, LIMITS)
    assert caught.value.error_code == "invalid_video"


@pytest.mark.parametrize("matrix", [1, 5])
def test_colours_are_those_of_the_matrix_that_the_file_names(matrix: int) -> None:
    picture = corners(64, 48)
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt, stream.options = 64, 48, "yuv444p", {"crf": "1"}
        stream.codec_context.colorspace = matrix
        frame = VideoFrame.from_ndarray(picture[0], format="rgb24")
        container.mux(stream.encode(frame.reformat(format="yuv444p", dst_colorspace=matrix)))
        container.mux(stream.encode())
    spec = VideoSpec(64, 48, 1, 8)
    found = frames_of(clean_video(out.getvalue(), spec, LIMITS).content, spec)
    assert np.abs(found[0, 4:20, 4:28].astype(int) - (200, 20, 20)).max() < 8


def test_odd_sides_wide_pixels_and_another_shape_are_fitted() -> None:
    odd = written(corners(97, 65), codec="ffv1", form="matroska", pix_fmt="bgr0")
    spec = VideoSpec(96, 64, 1, 8)
    found = frames_of(clean_video(odd, spec, LIMITS).content, spec)[0].astype(int)
    assert np.abs(found - corners()[0]).mean() < 4
    wide = written(corners(48, 64), sample_aspect_ratio=Fraction(2, 1))
    found = frames_of(clean_video(wide, spec, LIMITS).content, spec)[0].astype(int)
    assert np.abs(found - corners()[0]).mean() < 8
    tall = VideoSpec(32, 64, 1, 8)
    cut = frames_of(clean_video(written(corners()), tall, LIMITS).content, tall)[0].astype(int)
    assert np.abs(cut - corners()[0, :, 32:64]).mean() < 6


def a_sound() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


def other_sizes() -> bytes:
    """H.264 whose second half is of another size than the first: two streams' packets in one."""
    out = io.BytesIO()
    first, second = written(ramp(4), form="h264"), written(ramp(4, 96, 64), form="h264")
    with av.open(io.BytesIO(first + second), "r", format="h264") as read, av.open(out, "w", format="matroska") as made:
        stream = made.add_stream_from_template(read.streams.video[0])
        for at, packet in enumerate(packet for packet in read.demux(video=0) if packet.size):
            packet.pts = packet.dts = at
            packet.time_base = Fraction(1, 8)
            packet.stream = stream
            made.mux(packet)
    return out.getvalue()


HOSTILE: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "nothing": (b"", "empty"),
    "text": (b"#EXTM3U\nhttp://127.0.0.1/a.ts\n", "nothing known"),
    "a playlist of files": (b"ffconcat version 1.0\nfile /etc/passwd\n", "nothing known"),
    "a head alone": (b"\0\0\0\x18ftypmp42" + b"\0" * 40, "damaged"),
    "Matroska's head alone": (b"\x1a\x45\xdf\xa3" + b"\xff" * 64, "damaged"),
    "an AVI": (b"RIFF\0\0\0\0AVI LIST", "MP4, MOV, WebM or Matroska"),
    "sound alone": (a_sound, "no picture in it"),
    "another codec": (
        lambda: written(ramp(3), 8, "mov", "png", None, "rgb24"),
        "png, which is not read",
    ),
    "a size that changes": (other_sizes, "size changes"),
    "too narrow": (lambda: written(ramp(2, 8, 8)), "16 pixels"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_video_to_be_read_is_refused_in_words(what: str) -> None:
    made, why = HOSTILE[what]
    content = made if isinstance(made, bytes) else made()
    with pytest.raises(InvalidRequest, match=why) as caught:
        clean_video(content, SPEC, LIMITS)
    assert caught.value.error_code == "invalid_video"


@pytest.mark.parametrize("left", [0.2, 0.5, 0.9])
def test_one_that_is_cut_off_is_refused_or_stands_still(left: float) -> None:
    content = written(ramp(60), form="matroska", codec="ffv1", pix_fmt="yuv444p")
    spec = VideoSpec(64, 48, 60, 8)
    refused = None
    try:
        held = clean_video(content[: int(left * len(content))], spec, LIMITS).held
    except KinorayError as error:
        refused, held = error.error_code, False
    assert held or refused == "invalid_video"


def test_too_many_bytes_or_pixels_are_refused_before_they_are_decoded() -> None:
    content = written(ramp(60))
    with pytest.raises(PayloadTooLarge, match="bytes"):
        clean_video(content, SPEC, VideoLimits(len(content) - 1, 10**8))
    spec = VideoSpec(64, 48, 60, 8)
    with pytest.raises(PayloadTooLarge, match="megapixels") as caught:
        clean_video(content, spec, VideoLimits(2**24, 64 * 48 * 20))
    assert caught.value.error_code == "video_input_too_large"
    assert clean_video(content, SPEC, VideoLimits(2**24, 64 * 48 * 20)).content, "what is cut off counts for nothing"


def test_the_stored_form_is_checked_when_it_is_read() -> None:
    clean = clean_video(written(ramp(9)), SPEC, LIMITS).content
    for content, spec in ((clean[:100], SPEC), (clean, VideoSpec(64, 48, 8, 8))):
        with pytest.raises(InvalidRequest):
            frames_of(content, spec)
