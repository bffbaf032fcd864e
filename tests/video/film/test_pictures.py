from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from app.video.encode import Frames, encode, yuv420p
from app.video.film.pictures import black, dim, fitted, mix, split
from app.video.join import rgb
from tests.video.conftest import COLOURS, flat


def decoded(frames: Frames, tmp_path: Path) -> list[av.VideoFrame]:
    path = tmp_path / "a.mp4"
    path.write_bytes(encode(frames, 8))
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def test_a_picture_of_the_films_size_is_not_touched(tmp_path: Path, rolling: Frames) -> None:
    picture = decoded(rolling, tmp_path)[3]
    assert np.array_equal(fitted(picture, 128, 128), picture.to_ndarray(format="yuv420p"))


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(("width", "height"), [(128, 128), (32, 32), (96, 64), (64, 200)])
def test_scaling_keeps_colours_and_whatever_is_added_is_black(
    tmp_path: Path, colour: tuple[int, int, int], width: int, height: int
) -> None:
    [picture] = decoded(flat(colour, 1), tmp_path)
    shown = rgb(fitted(picture, width, height)).astype(int)
    assert shown.shape == (height, width, 3)
    assert np.abs(shown[height // 2, width // 2] - np.array(colour)).max() <= 5
    side = min(width, height)
    if width > side + 8:
        assert shown[:, : (width - side) // 2 - 2].max() <= 2
        assert shown[:, (width + side) // 2 + 2 :].max() <= 2
    if height > side + 8:
        assert shown[: (height - side) // 2 - 2].max() <= 2


def test_a_picture_of_nearly_the_same_shape_covers_the_frame(tmp_path: Path) -> None:
    [picture] = decoded(flat(COLOURS[3], 1, 64, 66), tmp_path)
    shown = rgb(fitted(picture, 128, 128)).astype(int)
    assert np.abs(shown - np.array(COLOURS[3])).max() <= 6


def test_scaling_leaves_things_where_they_are(tmp_path: Path, rolling: Frames) -> None:
    picture = decoded(rolling, tmp_path)[8]  # the disc's middle is at 60, 64
    red = rgb(fitted(picture, 256, 256)).astype(int)
    rows, columns = np.nonzero(red[..., 0] - red[..., 2] > 100)
    assert columns.mean() == pytest.approx(120.5, abs=1)
    assert rows.mean() == pytest.approx(128.5, abs=1)


def test_a_mix_is_the_mean_of_both_pictures_colours() -> None:
    one, other = (yuv420p(flat(colour, 1)[0]) for colour in (COLOURS[1], COLOURS[3]))
    middle = rgb(mix(one, other, 1, 2)).astype(float)
    assert np.abs(middle - (np.array(COLOURS[1]) + np.array(COLOURS[3])) / 2).max() <= 3
    assert np.array_equal(mix(one, other, 0, 5), one)
    assert np.array_equal(mix(one, other, 5, 5), other)
    assert np.array_equal(dim(one, 0, 3), black(64, 64))
    assert rgb(black(64, 64)).max() == 0


def test_planes_are_split_as_they_are_stored() -> None:
    planes = np.arange(6 * 4, dtype=np.uint8).reshape(6, 4)
    luma, blue, red = split(planes)
    assert luma.tolist() == planes[:4].tolist()
    assert (blue.tolist(), red.tolist()) == ([[16, 17], [18, 19]], [[20, 21], [22, 23]])
