from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from app.errors import GenerationError
from app.video.encode import encode
from app.video.film.clips import decoded, measured
from app.video.film.runs import header_of
from tests.video.film.conftest import Reel, grey


@pytest.mark.parametrize(("frames", "fps", "side"), [(17, 8, 64), (1, 8, 64), (33, 24, 128), (9, 7, 300), (5, 30, 720)])
def test_what_the_encoder_makes_can_be_taken_over_whatever_its_size_and_rate(
    tmp_path: Path, frames: int, fps: int, side: int
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(encode(grey(frames, height=side, width=side), fps))
    clip = measured(path, 0)
    assert clip.plain
    assert clip.header == header_of(side, side, fps)
    assert clip.times == pytest.approx([number / fps for number in range(frames)])
    assert clip.seconds == pytest.approx(frames / fps)
    assert len(list(decoded(clip, 0))) == frames


def test_other_rates_and_sizes_have_other_parameters() -> None:
    assert len({header_of(64, 64, 8), header_of(64, 64, 24), header_of(64, 128, 8), header_of(720, 720, 8)}) == 4


@pytest.mark.parametrize("options", [{"bf": "2"}, {"x264-params": "repeat-headers=1"}])
def test_a_clip_of_frames_out_of_order_or_with_parameters_in_between_is_not_taken_over(
    tmp_path: Path, options: dict[str, str]
) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=8, options=options)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for picture in grey(24):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    clip = measured(path, 0)
    assert not clip.plain
    assert clip.times == pytest.approx([number / 8 for number in range(24)])
    seen = [frame.to_ndarray(format="gray")[32, 32] for frame in decoded(clip, 0)]
    assert np.all(np.diff(np.array(seen, int)) > 0)  # in the order in which they are shown


def test_other_codecs_and_giant_pictures_are_refused_before_they_are_decoded(tmp_path: Path, reel: Reel) -> None:
    path = tmp_path / "other.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(grey(1)[0], format="rgb24")))
        container.mux(stream.encode(None))
    wide = tmp_path / "wide.mp4"
    wide.write_bytes(encode(grey(1, height=16, width=8200), 8))
    for each in (path, wide):
        with pytest.raises(GenerationError) as caught:
            measured(each, 4)
        assert (caught.value.error_code, caught.value.param) == ("unreadable_clip", "scenes[4]")
