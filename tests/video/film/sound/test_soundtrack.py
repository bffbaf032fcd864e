from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import Cancelled, GenerationError
from app.video.film.script import FilmScript
from app.video.film.sound.loudness import true_peaks
from app.video.film.sound.soundtrack import soundtrack
from tests.video.film.conftest import Speak, heard, scene, write_sound

RATE = 48_000
CLIP = Path("none.mp4")  # sound is made without looking at pictures


def made(script: FilmScript, folder: Path) -> Any:
    path = folder / "audio.m4a"
    assert soundtrack(script, folder, path, lambda: False)
    return heard(path)


def film(*scenes: Any, fps: int = 24, **more: Any) -> FilmScript:
    return FilmScript(64, 64, fps, scenes, **more)


@pytest.mark.parametrize("level", [0.003, 0.05, 0.9])
@pytest.mark.parametrize("music", [0.0, 0.4])
def test_a_narrated_film_is_as_loud_as_it_should_be_and_no_peak_too_high(
    tmp_path: Path, speak: Speak, level: float, music: float
) -> None:
    pyloudnorm: Any = pytest.importorskip("pyloudnorm")
    scenes = [
        scene(CLIP, frames=96, speech=speak("a", 3.0, level=level), speech_at=6),
        scene(CLIP, frames=120, speech=speak("b", 2.5, 24_000, level=level)),
        scene(CLIP, frames=72),
    ]
    sound = made(film(*scenes, music_level=music), tmp_path)
    assert pyloudnorm.Meter(RATE).integrated_loudness(sound.astype(float)) == pytest.approx(-16, abs=1)
    assert 20 * np.log10(true_peaks(sound).max()) <= -1


def test_another_loudness_may_be_asked_for(tmp_path: Path, speak: Speak) -> None:
    pyloudnorm: Any = pytest.importorskip("pyloudnorm")
    sound = made(film(scene(CLIP, frames=96, speech=speak("a", 3.0)), lufs=-23.0), tmp_path)
    assert pyloudnorm.Meter(RATE).integrated_loudness(sound.astype(float)) == pytest.approx(-23, abs=1)


def test_each_narration_begins_at_its_frame_to_a_sample(tmp_path: Path) -> None:
    click = np.zeros(9600)
    click[0:40] = 0.5 * np.sin(np.arange(40) * 2 * np.pi / 20)
    speech = write_sound(tmp_path / "s.flac", click, RATE)
    scenes = [scene(CLIP, frames=31, speech=speech, speech_at=number) for number in range(7)]
    sound = made(film(*scenes, fps=30), tmp_path)
    for number in range(7):
        wanted = round((31 * number + number) * RATE / 30)
        around = np.abs(sound[wanted - min(wanted, 500) : wanted + 500])
        first = int(np.flatnonzero(around > 0.3 * around.max())[0]) - min(wanted, 500)
        assert abs(first) <= 6


def test_the_sound_is_as_long_as_the_film_whatever_is_said(tmp_path: Path, speak: Speak) -> None:
    long = scene(CLIP, frames=17, speech=speak("a", 3.0))
    beyond = scene(CLIP, frames=17, speech=speak("b", 1.0), speech_at=40)
    sound = made(film(long, beyond, fps=8), tmp_path)
    assert len(sound) == pytest.approx(34 / 8 * RATE, abs=1024)


def test_music_alone_is_as_loud_as_its_level_and_fades(tmp_path: Path) -> None:
    pyloudnorm: Any = pytest.importorskip("pyloudnorm")
    sound = made(film(scene(CLIP, frames=480), music_level=0.25), tmp_path)
    loud = pyloudnorm.Meter(RATE).integrated_loudness(sound.astype(float))
    assert loud == pytest.approx(-16 + 20 * np.log10(0.25), abs=1.5)
    assert np.abs(sound[: RATE // 50]).max() < 0.01
    assert np.abs(sound[20 * RATE - RATE // 50 : 20 * RATE]).max() < 0.01


def test_music_of_a_file_is_heard_between_narrations_and_lower_under_them(tmp_path: Path, speak: Speak) -> None:
    at = np.arange(4 * RATE) / RATE
    music = write_sound(tmp_path / "m.wav", 0.3 * np.sin(2 * np.pi * 5000 * at), RATE, "wav")
    scenes = [scene(CLIP, frames=96), scene(CLIP, frames=96, speech=speak("a", 3.9)), scene(CLIP, frames=96)]
    sound = made(film(*scenes, music=music, music_level=0.5), tmp_path)

    def tone(start: float) -> float:
        part = sound[int(start * RATE) : int((start + 1) * RATE)]
        wave = np.exp(-2j * np.pi * 5000 * np.arange(len(part)) / RATE)
        return float(20 * np.log10(np.abs((part * wave).mean())))

    assert tone(5.5) - tone(2.0) == pytest.approx(-12, abs=1)
    assert tone(9.2) == pytest.approx(tone(2.0), abs=1)


def test_a_silent_narration_and_unreadable_music(tmp_path: Path) -> None:
    silent = write_sound(tmp_path / "s.flac", np.zeros(RATE), RATE)
    assert np.abs(made(film(scene(CLIP, frames=48, speech=silent)), tmp_path)).max() < 1e-4
    silent.write_bytes(b"#EXTM3U\n")
    with pytest.raises(GenerationError) as caught:
        made(film(scene(CLIP, frames=48), music=silent, music_level=0.5), tmp_path)
    assert (caught.value.error_code, caught.value.param) == ("unreadable_music", "music")


def test_it_can_be_stopped(tmp_path: Path, speak: Speak) -> None:
    with pytest.raises(Cancelled):
        soundtrack(film(scene(CLIP, frames=96, speech=speak("a", 2.0))), tmp_path, tmp_path / "a.m4a", lambda: True)
