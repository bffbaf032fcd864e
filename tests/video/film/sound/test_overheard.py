from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import GenerationError
from app.types.storyboard import Fit, Transition
from app.types.waveform import Waveform
from app.video.encode import encode
from app.video.film.script import FilmScript
from app.video.film.sound.soundtrack import soundtrack
from tests.video.film.conftest import Speak, grey, heard, scene

RATE, FPS = 48_000, 8


def clip(folder: Path, name: str, hertz: float, frames: int = 24) -> Path:
    at = np.arange(round(frames / FPS * 24_000)) / 24_000
    sound = Waveform((0.3 * np.sin(2 * np.pi * hertz * at))[None].astype(np.float32), 24_000)
    path = folder / f"{name}.mp4"
    path.write_bytes(encode(grey(frames), FPS, sound))
    return path


def made(folder: Path, *scenes: Any, **more: Any) -> Any:
    script = FilmScript(64, 64, FPS, scenes, **{"clip_level": 1.0, **more})
    path = folder / "audio.m4a"
    assert soundtrack(script, folder, path, lambda: False)
    return heard(path)


def tone(sound: Any, hertz: float, begin_s: float, end_s: float) -> float:
    """How strong it is there, in decibels of a sine at full level."""
    part = sound[round(begin_s * RATE) : round(end_s * RATE)]
    wave = np.exp(-2j * np.pi * hertz * np.arange(len(part)) / RATE)
    return float(20 * np.log10(2 * np.abs((part * wave).mean()) + 1e-9))


FULL_DB = float(20 * np.log10(0.3))


def test_each_clip_is_heard_in_its_own_scene(tmp_path: Path) -> None:
    scenes = [scene(clip(tmp_path, "a", 500), frames=24), scene(clip(tmp_path, "b", 900), frames=24)]
    sound = made(tmp_path, *scenes)
    assert tone(sound, 500, 0.5, 2.5) == pytest.approx(FULL_DB, abs=0.5)
    assert tone(sound, 900, 3.5, 5.5) == pytest.approx(FULL_DB, abs=0.5)
    assert max(tone(sound, 900, 0.5, 2.5), tone(sound, 500, 3.5, 5.5)) < -60


@pytest.mark.parametrize("ducked_db", [-12.0, -24.0, 0.0])
def test_it_goes_down_under_a_narration_as_far_as_it_should(tmp_path: Path, speak: Speak, ducked_db: float) -> None:
    path = clip(tmp_path, "a", 5000, frames=96)
    sound = made(tmp_path, scene(path, frames=96, speech=speak("s", 3.0), speech_at=48), ducked_db=ducked_db)
    assert tone(sound, 5000, 6.5, 8.5) - tone(sound, 5000, 1.0, 4.0) == pytest.approx(ducked_db, abs=1)


@pytest.mark.parametrize(("fit", "goes_on"), [(Fit.LOOP, True), (Fit.HOLD, False)])
def test_it_is_heard_again_where_the_pictures_are_shown_again(tmp_path: Path, fit: Fit, goes_on: bool) -> None:
    sound = made(tmp_path, scene(clip(tmp_path, "a", 500), frames=64, fit=fit))
    assert (tone(sound, 500, 4.0, 5.5) > FULL_DB - 1) is goes_on


def test_in_a_crossfade_one_goes_as_the_other_comes(tmp_path: Path) -> None:
    crossed: dict[str, Any] = {"transition": Transition.CROSSFADE, "transition_frames": 8}
    first, second = clip(tmp_path, "a", 500), clip(tmp_path, "b", 900)
    sound = made(tmp_path, scene(first, frames=24), scene(second, frames=24, **crossed))
    assert len(sound) == pytest.approx(40 / FPS * RATE, abs=1024)
    for hertz in (500, 900):
        assert tone(sound, hertz, 2.4, 2.6) == pytest.approx(FULL_DB - 6, abs=1)


def test_a_film_of_silent_clips_has_no_sound_and_one_whose_clips_are_left_out_neither(tmp_path: Path) -> None:
    silent = tmp_path / "silent.mp4"
    silent.write_bytes(encode(grey(24), FPS))
    for path, level in ((silent, 1.0), (clip(tmp_path, "a", 500), 0.0)):
        script = FilmScript(64, 64, FPS, (scene(path, frames=24),), clip_level=level)
        assert not soundtrack(script, tmp_path, tmp_path / "audio.m4a", lambda: False)


def test_a_clip_that_cannot_be_read_names_its_scene(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film")
    with pytest.raises(GenerationError) as refused:
        made(tmp_path, scene(clip(tmp_path, "a", 500), frames=24), scene(broken, frames=24))
    assert (refused.value.error_code, refused.value.param) == ("unreadable_clip", "scenes[1]")
