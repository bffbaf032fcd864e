"""Speech comes out as loud as asked, measured by others too, with its peaks held."""

from __future__ import annotations

import contextlib
import io
import wave

import av
import numpy as np
import pytest

from app.types.storyboard import Narrator
from app.voice.espeak.espeak import EspeakVoice
from app.voice.loudness import TRUE_PEAK_DB, Samples, measured, normalised, true_peak

RATE = 22050
NOISE = np.random.default_rng(1)


def sine(seconds: float, level_db: float, hertz: float = 997.0, rate: int = 48000) -> Samples:
    at = np.arange(round(seconds * rate)) / rate
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * hertz * at)).astype(np.float32)


def by_ffmpeg(samples: Samples, rate: int) -> float:
    """Integrated loudness by ffmpeg's ebur128 filter."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    graph = av.filter.Graph()
    with av.open(io.BytesIO(buffer.getvalue())) as source:
        stream = source.streams.audio[0]
        graph.link_nodes(
            graph.add_abuffer(template=stream), graph.add("ebur128", "metadata=1:dualmono=0"), graph.add("abuffersink")
        ).configure()
        told: list[float] = []
        for frame in [*source.decode(stream), None]:
            graph.push(frame)
            with contextlib.suppress(BlockingIOError, EOFError):
                while True:
                    told += (float(value) for key, value in graph.pull().metadata.items() if key == "lavfi.r128.I")
        return told[-1]


def test_a_tone_of_the_standard_measures_as_the_standard_says() -> None:
    assert measured(sine(20, 0.0), 48000) == pytest.approx(-3.01, abs=0.1)  # BS.1770-4: 0 dBFS, 997 Hz, one channel
    assert measured(sine(20, -20.0), 48000) == pytest.approx(-23.01, abs=0.1)


@pytest.mark.parametrize(
    "narrator", [Narrator(), Narrator(voice="whisper"), Narrator(voice="+f3"), Narrator(speed=2.0)]
)
def test_speech_has_the_wanted_loudness_and_keeps_its_true_peaks(espeak: EspeakVoice, narrator: Narrator) -> None:
    speech = espeak.speak("The sun is up, and everybody in the small town wakes to a very long day.", narrator)
    for lufs in (-16.0, -23.0):
        made = normalised(speech.samples, speech.rate, lufs)
        assert len(made) == len(speech.samples)
        assert measured(made, speech.rate) == pytest.approx(lufs, abs=0.3)
        assert by_ffmpeg(made, speech.rate) == pytest.approx(lufs, abs=1.0)
        assert 20 * np.log10(true_peak(made)) <= TRUE_PEAK_DB + 0.05


def test_peaks_are_held_down_by_gain_and_not_cut_off() -> None:
    made = normalised(sine(3.0, -30.0, 440.0) + 0.9 * (np.arange(144000) % 24000 == 0), 48000, -16.0)
    assert np.mean(np.abs(made) > 0.999 * np.abs(made).max()) < 1e-3
    steady = made[6000:18000]  # between two clicks the tone is a tone
    spectrum = np.abs(np.fft.rfft(steady * np.hanning(len(steady)))) ** 2
    assert spectrum[100:121].sum() > 0.999 * spectrum.sum()


@pytest.mark.parametrize("seconds", [0.002, 0.05, 0.3, 0.399, 0.4, 0.41])
def test_a_sound_shorter_than_a_block_has_its_loudness_too(seconds: float) -> None:
    made = normalised((0.01 * NOISE.standard_normal(round(seconds * RATE))).astype(np.float32), RATE, -16.0)
    assert measured(made, RATE) == pytest.approx(-16.0, abs=1.0)
    assert 20 * np.log10(true_peak(made)) <= TRUE_PEAK_DB + 0.05


@pytest.mark.parametrize("count", [0, 1, 100, 22050])
def test_silence_stays_silence(count: int) -> None:
    silence = np.zeros(count, np.float32)
    assert measured(silence, RATE) == float("-inf")
    assert not normalised(silence, RATE, -16.0).any()


def test_a_click_comes_out_whole_and_within_full_scale() -> None:
    click = np.zeros(RATE, np.float32)
    click[5000] = 0.001
    made = normalised(click, RATE, -16.0)
    assert np.isfinite(made).all()
    assert 20 * np.log10(true_peak(made)) <= TRUE_PEAK_DB + 0.05
