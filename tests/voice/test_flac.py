"""Samples survive the file."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from app.errors import GenerationError
from app.voice.flac import decoded, encoded


@pytest.mark.parametrize("count", [1, 17, 4096, 4097, 30000])
@pytest.mark.parametrize("rate", [16000, 22050, 24000, 48000])
def test_what_is_written_is_read_within_half_a_step(tmp_path: Path, count: int, rate: int) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, count).astype(np.float32)
    data = encoded(samples, rate)
    (tmp_path / "speech.flac").write_bytes(data)
    for source in (data, tmp_path / "speech.flac"):
        back, found = decoded(source)
        assert found == rate
        assert back.shape == samples.shape
        assert np.abs(back - samples).max() <= 1.01 / 32768


def test_it_is_flac_of_known_length_and_the_same_each_time() -> None:
    samples = np.linspace(-2, 2, 22050, dtype=np.float32)
    data = encoded(samples, 22050)
    assert data[:4] == b"fLaC"
    assert data == encoded(samples, 22050)
    with av.open(io.BytesIO(data)) as file:
        assert file.streams.audio[0].codec_context.layout.name == "mono"
        assert file.duration == 1_000_000


def test_other_sound_files_are_read_and_their_channels_mixed(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.tile(np.array([8000, 16000], "<i2"), 800).tobytes())
    samples, rate = decoded(path)
    assert (rate, len(samples)) == (8000, 800)
    assert samples.min() > 0.2


@pytest.mark.parametrize("samples", [np.zeros(0), np.array([0.0, np.nan]), np.array([np.inf])])
def test_what_is_no_sound_is_not_written(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    with pytest.raises(GenerationError):
        encoded(samples.astype(np.float32), 16000)


@pytest.mark.parametrize("data", [b"", b"fLaC", b"no sound at all" * 99])
def test_what_is_no_sound_file_is_not_read(data: bytes) -> None:
    with pytest.raises(GenerationError):
        decoded(data)
