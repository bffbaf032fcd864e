"""Headers that count samples which are not there: each costs FFmpeg memory for all of them, so none is opened."""

from __future__ import annotations

import io
import resource
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from app.errors import PayloadTooLarge
from app.video.given_video import clean_video
from app.video.mp4_tables import MOST_SAMPLES, names_too_many
from tests.video.test_given_video import LIMITS, SPEC, ramp, written

MANY = 5_000_000


def at_box(content: bytes, name: bytes, behind: int, *numbers: int, last: bool = False) -> bytes:
    """With numbers of 32 bits written so far behind the name of a box."""
    made, at = bytearray(content), (content.rindex if last else content.index)(name) + behind
    made[at : at + 4 * len(numbers)] = struct.pack(f">{len(numbers)}I", *numbers)
    return bytes(made)


def box(name: bytes, content: bytes, wide: bool = False) -> bytes:
    if wide:
        return struct.pack(">I", 1) + name + struct.pack(">Q", 16 + len(content)) + content
    return struct.pack(">I", 8 + len(content)) + name + content


def in_fragments(frames: int = 9) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}) as made:
        stream: Any = made.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in ramp(frames):
            made.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        made.mux(stream.encode())
    return out.getvalue()


def with_plain_sound(seconds: float) -> bytes:
    """A MOV as editors make it: pictures, and sound that is not compressed."""
    out, rate = io.BytesIO(), 48_000
    with av.open(out, "w", format="mov") as made:
        stream: Any = made.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        heard = made.add_stream("pcm_s16le", rate=rate)
        for picture in ramp(9):
            made.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        made.mux(stream.encode())
        for _ in range(round(seconds * 10)):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, rate // 10), np.int16), format="s16", layout="mono")
            frame.sample_rate = rate
            made.mux(heard.encode(frame))
        made.mux(heard.encode())
    return out.getvalue()


def counted(count: int) -> bytes:
    """A byte for each of so many samples, one after another in one chunk."""
    content = at_box(written(ramp(9)), b"stsz", 8, 1, count)
    return at_box(at_box(content, b"stsc", 8, 1, 1, count, 1), b"stts", 8, 1, count, 1)


LIES: dict[str, Callable[[], bytes]] = {
    "a table": lambda: counted(MANY),
    "more than there are bytes": lambda: counted(5000),
    "a fragment": lambda: at_box(in_fragments(), b"trun", 4, 1, MANY),
    "small sizes": lambda: written(ramp(9)) + box(b"moov", box(b"stz2", struct.pack(">III", 0, 8, MANY))),
    "behind wide media data": lambda: written(ramp(9)) + box(b"mdat", b"0" * 99, True) + counted(MANY),
    "in a box that is free": lambda: written(ramp(9)) + box(b"free", counted(MANY)),
    "behind what is no box": lambda: written(ramp(9)) + struct.pack(">I", 5) + b"mdat" + counted(MANY),
    "many fragments": lambda: written(ramp(9)) + 9 * box(b"moof", box(b"trun", struct.pack(">II", 1, 2000))),
    "a compressed header": lambda: written(ramp(9)) + box(b"moov", box(b"cmov", b"0" * 20)),
    "plain sound in chunks without end": lambda: at_box(
        at_box(with_plain_sound(1), b"stsz", 12, MANY, last=True), b"stsc", 16, 2**31, last=True
    ),
    "plain sound that is a picture": lambda: at_box(with_plain_sound(1), b"stsz", 12, MANY, last=True).replace(
        b"sowt", b"avc1"
    ),
}


@pytest.mark.parametrize("what", LIES)
def test_more_samples_than_can_be_there_are_refused_before_memory_is_taken_for_them(what: str, tmp_path: Path) -> None:
    content = LIES[what]()
    (tmp_path / "a").write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for source in (content, tmp_path / "a"):
        with pytest.raises(PayloadTooLarge, match="count more pictures than it can hold") as caught:
            clean_video(source, SPEC, LIMITS)
        assert caught.value.error_code == "video_input_too_large"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000, "KiB"


def test_what_is_honest_is_read() -> None:
    for content in (written(ramp(9)), in_fragments(), written(ramp(9), form="mov")):
        assert not names_too_many(content)
        assert clean_video(content, SPEC, LIMITS).content
    for junk in (b"", b"\0", b"\0\0\0\x18ftyp", b"\xff" * 40):
        assert not names_too_many(junk)


def test_plain_sound_counts_each_moment_and_is_read_all_the_same() -> None:
    content = with_plain_sound(22)
    at = content.rindex(b"stsz") + 12
    assert int.from_bytes(content[at : at + 4], "big") > MOST_SAMPLES
    assert clean_video(content, SPEC, LIMITS).content
