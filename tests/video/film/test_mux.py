from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from app.captions.cue import Cue
from app.video.film.assemble import assemble
from app.video.film.mux import cue_times
from tests.video.film.conftest import Reel, Speak, film, heard, scene, times

ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffprobe on this machine")


def probed(path: Path) -> dict[str, Any]:
    asked = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_chapters", str(path)]
    found: dict[str, Any] = json.loads(subprocess.run(asked, check=True, capture_output=True).stdout)
    return found


@ffprobe
def test_chapters_title_captions_and_language_are_read_by_others(tmp_path: Path, reel: Reel, speak: Speak) -> None:
    clip = reel("a", 12)
    cues = (Cue(0.25, 1.0, ("Ein Hund & <eine Katze>",)), Cue(1.5, 2.5, ("zwei", "Zeilen {\\b1}")))
    scenes = scene(clip, title="Anfang"), scene(clip, title=""), scene(clip, title="Ende\n\x07!")
    script = film(*scenes, cues=cues, language="de-AT", title="Der Film")
    made = assemble(script, tmp_path)
    seen = probed(made.video)
    assert seen["format"]["tags"]["title"] == "Der Film"
    assert "creation_time" not in seen["format"]["tags"]
    chapters = [(each["tags"]["title"], each["start_time"], each["end_time"]) for each in seen["chapters"]]
    assert chapters == [
        ("Anfang", "0.000000", "1.500000"),
        ("Scene 2", "1.500000", "3.000000"),
        ("Ende !", "3.000000", "4.500000"),
    ]
    rates = {seen["streams"][0][kind] for kind in ("avg_frame_rate", "r_frame_rate")}
    assert rates == {"8/1"}
    track = next(each for each in seen["streams"] if each["codec_type"] == "subtitle")
    assert (track["codec_name"], track["tags"]["language"]) == ("mov_text", "deu")
    with av.open(str(made.video)) as container:
        texts = [
            (float(each.pts * each.time_base), float(each.duration * each.time_base), bytes(each)[2:].decode())
            for each in container.demux(subtitles=0)
            if each.dts is not None and each.size > 2
        ]
    assert texts == [(cue.start_s, cue.end_s - cue.start_s, cue.text) for cue in cues]
    assert made.srt is not None
    assert made.vtt is not None
    assert "00:00:01,500 --> 00:00:02,500" in made.srt.read_text("utf-8")
    assert made.vtt.read_text("utf-8").startswith("WEBVTT")


@ffprobe
def test_after_twenty_scenes_pictures_and_sound_end_within_a_frame(tmp_path: Path, reel: Reel, speak: Speak) -> None:
    clip, fps = reel("a", 25, fps=24), 24
    speeches = [speak(str(rate), 0.9, rate) for rate in (16_000, 22_050, 24_000, 44_100)]
    scenes = tuple(
        scene(clip, frames=25, speech=speeches[number % 4], speech_at=2, transition_frames=number % 2 * 3)
        for number in range(20)
    )
    made = assemble(film(*scenes, fps=fps, language="en"), tmp_path)
    seen = {each["codec_type"]: each for each in probed(made.video)["streams"] if each["codec_type"] != "data"}
    ends = [float(seen[kind]["start_time"]) + float(seen[kind]["duration"]) for kind in ("video", "audio")]
    assert ends[0] == pytest.approx(20 * 25 / 24, abs=1e-3)
    assert ends[1] == pytest.approx(ends[0], abs=1e-3)
    assert seen["audio"]["tags"]["language"] == "eng"
    sound = heard(made.video)
    assert len(sound) / 48_000 == pytest.approx(len(times(made.video)) / fps, abs=1 / fps)
    # The last narration still begins where it should: at frame 2 of the twentieth scene.
    wanted = round((19 * 25 + 2) * 48_000 / fps)
    quiet, loud = sound[wanted - 4000 : wanted - 60], sound[wanted : wanted + 600]
    assert np.abs(quiet).max() < 0.02
    assert np.abs(loud).max() > 0.1
    assert made.audio is not None
    assert np.allclose(heard(made.audio), sound)


def test_a_film_in_which_nobody_speaks_or_plays_has_no_sound(tmp_path: Path, reel: Reel) -> None:
    made = assemble(film(scene(reel("a"))), tmp_path)
    assert (made.audio, made.srt, made.vtt) == (None, None, None)
    with av.open(str(made.video)) as container:
        assert not container.streams.audio
        assert not container.streams.subtitles


def test_the_index_comes_first_and_nothing_is_left_lying_about(tmp_path: Path, reel: Reel, speak: Speak) -> None:
    script = film(
        scene(reel("a"), speech=speak("s", 1.0)), scene(reel("b")), cues=(Cue(0, 1, ("a",)),), music_level=0.2
    )
    folder = tmp_path / "out"
    folder.mkdir()
    made = assemble(script, folder)
    content = made.video.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    names = {each.name for each in folder.iterdir()}
    assert names == {
        *("film.mp4", "thumbnail.webp", "spritesheet.jpg", "audio.m4a", "captions.srt", "captions.vtt"),
    }


def test_a_track_shows_one_caption_at_a_time_and_none_beyond_the_end() -> None:
    cues = [Cue(1.0, 9.0, ("b",)), Cue(-1.0, 1.5, ("a",)), Cue(3.0, 3.0, ("no time",)), Cue(7.0, 8.0, ("too late",))]
    assert [(start, end, cue.text) for start, end, cue in cue_times(cues, 5000)] == [
        (0, 1000, "a"),
        (1000, 3000, "b"),
    ]
