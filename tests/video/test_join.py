from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from app.errors import GenerationError
from app.video import join
from app.video.encode import Frames, encode
from app.video.join import frames_of, joined, last_frame
from tests.video.conftest import COLOURS, flat


def psnr(one: Frames, other: Frames) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(np.float64) - other) ** 2)))


def test_a_stored_video_comes_back_as_it_was_encoded(rolling: Frames) -> None:
    back = frames_of(encode(rolling, 8), 128, 128)
    assert back.shape == rolling.shape
    assert psnr(back, rolling) > 32


@pytest.mark.parametrize("colour", COLOURS)
def test_flat_colours_are_not_shifted_however_often_a_video_is_joined(colour: tuple[int, int, int]) -> None:
    frames = flat(colour)
    for _ in range(5):
        frames = frames_of(encode(frames, 8), 64, 64)
    assert np.abs(frames.astype(int) - np.array(colour)).max() <= 5


@pytest.mark.parametrize(("height", "width"), [(63, 64), (64, 63), (33, 35)])
def test_an_odd_size_is_what_it_was(height: int, width: int) -> None:
    frames = flat(COLOURS[1], 3, height, width)
    assert frames_of(encode(frames, 8), width, height).shape == frames.shape


def test_the_last_frame_is_a_picture_of_the_videos_size(rolling: Frames) -> None:
    mp4 = encode(rolling, 8)
    png, frames = last_frame(mp4, 128, 128)
    assert frames == 17
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), frames_of(mp4, 128, 128)[-1])


def test_frames_are_joined_without_the_one_that_is_in_both(rolling: Frames) -> None:
    mp4 = encode(rolling[:9], 8)
    whole = joined(mp4, rolling[8:])
    assert whole.shape == rolling.shape
    assert np.array_equal(whole[9:], rolling[9:])
    assert psnr(whole[:9], rolling[:9]) > 32


def test_what_is_no_video_or_another_size_or_too_long_is_refused(
    rolling: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    mp4 = encode(rolling, 8)
    for data, side in ((b"", 128), (mp4[:500], 128), (mp4, 256)):
        with pytest.raises(GenerationError) as caught:
            last_frame(data, side, side)
        assert caught.value.error_code == "unreadable_video"
    monkeypatch.setattr(join, "MOST_BYTES", 10**6)
    with pytest.raises(GenerationError) as caught:
        joined(mp4, rolling)
    assert caught.value.error_code == "video_too_long"
