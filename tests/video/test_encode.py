from __future__ import annotations

import io
import pickle
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from app.errors import GenerationError
from app.video.encode import Frames, encode, yuv420p
from tests.video.conftest import COLOURS, flat


def opened(content: bytes) -> Any:
    return av.open(io.BytesIO(content))


def decoded(content: bytes) -> NDArray[np.int16]:
    with opened(content) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]).astype(np.int16)


def place(content: bytes, name: bytes) -> int:
    return content.index(name)


@pytest.mark.parametrize(("count", "fps"), [(17, 8), (17, 4), (1, 8), (5, 16), (9, 30), (3, 1), (10, 7)])
def test_frames_rate_and_duration_are_exact(count: int, fps: int) -> None:
    with opened(encode(flat(COLOURS[0], count), fps)) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.average_rate) == (count, fps)
        assert stream.duration * stream.time_base == Fraction(count, fps)
        assert container.duration == pytest.approx(1_000_000 * count / fps, abs=1000)
        times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert times == [Fraction(number, fps) for number in range(count)]


def test_the_video_is_h264_that_browsers_play(rolling: Frames) -> None:
    with opened(encode(rolling, 8)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", 128, 128)
        assert (context.color_primaries, context.color_trc, context.colorspace) == (1, 1, 1)  # BT.709
        assert context.color_range == 1  # limited


def test_the_index_comes_before_the_pictures_however_many() -> None:
    content = encode(flat(COLOURS[0], 400, 16, 16), 16)
    assert place(content, b"ftyp") < place(content, b"moov") < place(content, b"mdat")
    assert len(decoded(content)) == 400


@pytest.mark.parametrize("colour", COLOURS)
def test_flat_colours_come_back_within_a_few_levels(colour: tuple[int, int, int]) -> None:
    off = np.abs(decoded(encode(flat(colour), 8)) - np.array(colour))
    assert off.max() <= 4


def test_a_moving_picture_comes_back_nearly_the_same(rolling: Frames) -> None:
    off = np.abs(decoded(encode(rolling, 8)) - rolling)
    assert off.mean() < 3.0


def test_luma_and_chroma_are_those_of_bt709() -> None:
    planes = yuv420p(flat((255, 0, 0), 1, 2, 2)[0])
    assert planes.ravel().tolist() == [63, 63, 63, 63, 102, 240]


def test_the_same_frames_give_the_same_bytes(rolling: Frames) -> None:
    assert encode(rolling, 8) == encode(rolling.copy(), 8)


def test_no_time_of_day_is_written(rolling: Frames) -> None:
    content = encode(rolling, 8)
    start = place(content, b"mvhd") + 8  # behind version and flags: creation and modification time
    assert content[start : start + 8] == bytes(8)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (63, 64), (64, 33), (65, 65)])
def test_odd_sizes_are_made_even_by_repeating_the_edge(height: int, width: int) -> None:
    shown = decoded(encode(flat(COLOURS[1], 2, height, width), 8))
    assert shown.shape == (2, height + height % 2, width + width % 2, 3)
    assert np.abs(shown - np.array(COLOURS[1])).max() <= 4


def test_a_view_that_is_not_contiguous_is_encoded_as_it_looks(rolling: Frames) -> None:
    assert encode(rolling[:, ::2, ::-2], 8) == encode(np.ascontiguousarray(rolling[:, ::2, ::-2]), 8)


@pytest.mark.parametrize(
    "frames", [np.zeros((2, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8), np.zeros((0, 8, 8, 3), np.uint8)]
)
def test_unusable_frames_are_a_typed_error_that_survives_pickling(frames: Frames) -> None:
    with pytest.raises(GenerationError, match="uint8") as caught:
        encode(frames, 8)
    assert pickle.loads(pickle.dumps(caught.value)).error_code == "unusable_frames"


def test_a_rate_below_one_is_a_typed_error(rolling: Frames) -> None:
    with pytest.raises(GenerationError, match="frame a second"):
        encode(rolling, 0)
