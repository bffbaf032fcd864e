from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from app.video.film.sound.decode import pieces
from tests.video.film.conftest import write_sound


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000])
def test_whatever_its_rate_sound_is_as_long_as_it_was_and_where_it_was(tmp_path: Path, rate: int) -> None:
    at = np.arange(round(1.3 * rate)) / rate
    burst = np.exp(-(((at - 0.7) / 0.004) ** 2)) * np.sin(2 * np.pi * 500 * at)
    sound = np.concatenate(list(pieces(write_sound(tmp_path / "a.flac", burst, rate))))
    assert len(sound) == pytest.approx(1.3 * 48_000, abs=1.5)
    middle = float((np.arange(len(sound)) * sound**2).sum() / (sound**2).sum())
    assert middle == pytest.approx(0.7 * 48_000, abs=1)


@pytest.mark.parametrize(("kind", "codec"), [("wav", "pcm_s16le"), ("mp3", "mp3"), ("ogg", "libopus"), ("mp4", "aac")])
def test_music_may_come_in_any_usual_form_and_in_stereo(tmp_path: Path, kind: str, codec: str) -> None:
    path = tmp_path / f"a.{kind}"
    at = np.arange(48_000) / 48_000
    both = np.stack([0.4 * np.sin(2 * np.pi * 440 * at), np.zeros(48_000)]).astype(np.float32)
    with av.open(str(path), "w", format=kind) as container:
        stream: Any = container.add_stream(codec, rate=48_000)
        stream.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
        frame.sample_rate = 48_000
        resampler = av.AudioResampler(format=stream.format, layout="stereo", rate=48_000)
        for each in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(each))
        container.mux(stream.encode(None))
    sound = np.concatenate(list(pieces(path)))
    assert sound.ndim == 1
    assert len(sound) == pytest.approx(48_000, abs=3000)
    assert np.abs(sound[10_000:40_000]).max() == pytest.approx(0.2, abs=0.09)


@pytest.mark.parametrize(
    "content", [b"", b"#EXTM3U\nhttp://10.0.0.1/a.mp3\n", b"ffconcat version 1.0\nfile '/etc/passwd'\n", b"fLaC\0\0"]
)
def test_lists_of_addresses_and_broken_files_are_not_opened(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises((ValueError, OSError, av.FFmpegError)):
        list(pieces(path))
