from __future__ import annotations

import json
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from app.captions.cue import Cue
from app.errors import Cancelled, GenerationError
from app.types.storyboard import CaptionMode, Fit, Transition
from app.video.film.assemble import assemble
from app.video.film.script import FilmScript, SceneCut
from tests.video.film.conftest import Reel, Speak, grey, heard, levels, luma, pictures, scene

ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffprobe on this machine")


def film(*scenes: SceneCut, fps: int = 8, side: int = 64, **more: Any) -> FilmScript:
    return FilmScript(side, side, fps, scenes, **more)


def probed(path: Path) -> dict[str, Any]:
    asked = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_chapters", str(path)]
    found: dict[str, Any] = json.loads(subprocess.run(asked, check=True, capture_output=True).stdout)
    return found


def times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def test_scenes_that_are_cut_together_have_the_very_frames_of_their_clips(tmp_path: Path, reel: Reel) -> None:
    clips = [reel("a", 12, first=20), reel("b", 9, first=90), reel("c", 17, first=140)]
    script = film(*(scene(clip, frames=count) for clip, count in zip(clips, (12, 9, 17), strict=True)))
    made = assemble(script, tmp_path)
    assert np.array_equal(pictures(made.video), np.concatenate([pictures(clip) for clip in clips]))
    assert times(made.video) == [Fraction(number, 8) for number in range(38)]
    assert made.frames == 38


def test_their_packets_are_not_encoded_again_and_each_scene_can_be_sought(tmp_path: Path, reel: Reel) -> None:
    clips = [reel("a", 12, first=20), reel("b", 12, first=90)]
    made = assemble(film(*(scene(clip) for clip in clips)), tmp_path)

    def packets(path: Path) -> list[tuple[bytes, bool]]:
        with av.open(str(path)) as container:
            return [(bytes(each), each.is_keyframe) for each in container.demux(video=0) if each.dts is not None]

    assert packets(made.video) == [each for clip in clips for each in packets(clip)]
    assert [number for number, (_, key) in enumerate(packets(made.video)) if key] == [0, 12]


def test_a_scene_is_longer_or_shorter_than_its_clip_as_its_fit_says(tmp_path: Path, reel: Reel) -> None:
    clip = reel("a", 6)
    own = levels(clip)
    wanted = {
        Fit.HOLD: [*own, *[own[-1]] * 6],
        Fit.LOOP: [*own, *own],
        Fit.SLOW: [level for level in own for _ in range(2)],
        Fit.EXTEND: [*own, *[own[-1]] * 6],
    }
    for fit, expected in wanted.items():
        made = assemble(film(scene(clip, frames=12, fit=fit), scene(clip, frames=4)), tmp_path)
        assert levels(made.video) == pytest.approx([*expected, *own[:4]], abs=1), fit
        assert len(times(made.video)) == 16


def test_clips_that_go_on_are_shown_in_a_row_without_the_picture_that_is_in_both(tmp_path: Path, reel: Reel) -> None:
    first, second = reel("a", grey(6, 20)), reel("b", grey(6, 40))  # the sixth of the first has level 40
    made = assemble(film(scene(first, second, frames=11, fit=Fit.EXTEND)), tmp_path)
    assert levels(made.video) == pytest.approx([luma(20 + 4 * number) for number in range(11)], abs=2)


@pytest.mark.parametrize(("clip_fps", "frames"), [(4, 6), (8, 12), (16, 24), (24, 36), (7, 11), (30, 45)])
def test_whatever_rates_clips_have_the_film_has_its_own_and_shows_each_in_time(
    tmp_path: Path, reel: Reel, clip_fps: int, frames: int
) -> None:
    clip = reel("a", frames, fps=clip_fps)
    made = assemble(film(scene(clip, frames=12), scene(reel("b", 4), frames=4)), tmp_path)
    assert times(made.video) == [Fraction(number, 8) for number in range(16)]
    own = levels(clip)
    shown = levels(made.video)[:12]
    nearest = [own[min(frames - 1, int((number + 0.125) / 8 * clip_fps))] for number in range(12)]
    assert shown == pytest.approx(nearest, abs=1)


def test_a_crossfade_overlaps_two_scenes_and_its_middle_is_half_of_each(tmp_path: Path, reel: Reel) -> None:
    dark, light = reel("a", np.full((12, 64, 64, 3), 40, np.uint8)), reel("b", np.full((12, 64, 64, 3), 200, np.uint8))
    after = scene(light, transition=Transition.CROSSFADE, transition_frames=5)
    script = film(scene(dark), after)
    made = assemble(script, tmp_path)
    assert made.frames == script.frames == len(times(made.video)) == 19
    shown = levels(made.video)
    share = [0] * 7 + [(number + 1) / 6 for number in range(5)] + [1] * 7
    assert shown == pytest.approx([luma(40 + 160 * each) for each in share], abs=2)
    assert shown[9] == pytest.approx(luma(120), abs=2)


def test_a_fade_goes_through_black_and_takes_no_time_of_its_own(tmp_path: Path, reel: Reel) -> None:
    light = np.full((12, 64, 64, 3), 200, np.uint8)
    after = scene(reel("b", light), transition=Transition.FADE, transition_frames=8)
    made = assemble(film(scene(reel("a", light)), after), tmp_path)
    shown = levels(made.video)
    assert len(shown) == 24
    assert shown[7] == pytest.approx(luma(200), abs=2)
    assert shown[11] == pytest.approx(16, abs=2)
    assert shown[8:12] == sorted(shown[8:12], reverse=True)
    assert shown[12:16] == sorted(shown[12:16])
    assert shown[16] == pytest.approx(luma(200), abs=2)


def test_a_film_of_single_frames_and_every_transition_is_decoded_without_a_complaint(
    tmp_path: Path, reel: Reel
) -> None:
    one, many = reel("a", 1), reel("b", 12)
    scenes = [
        *(scene(one, frames=1), scene(many, frames=12), scene(many, frames=13), scene(one, frames=1)),
        *(scene(one, frames=1), scene(many, frames=11, transition=Transition.FADE, transition_frames=1)),
        scene(many, frames=12, transition=Transition.CROSSFADE, transition_frames=1),
        scene(many, frames=24, fit=Fit.LOOP, transition=Transition.CROSSFADE, transition_frames=6),
    ]
    made = assemble(film(*scenes), tmp_path)
    assert times(made.video) == [Fraction(number, 8) for number in range(sum(each.frames for each in scenes) - 7)]
    if shutil.which("ffmpeg"):
        asked = ["ffmpeg", "-v", "warning", "-err_detect", "explode", "-i", str(made.video), "-f", "null", "-"]
        assert subprocess.run(asked, check=True, capture_output=True).stderr == b""


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


def test_burnt_captions_are_seen_while_their_cue_lasts_and_nowhere_else(tmp_path: Path, reel: Reel) -> None:
    clip = reel("a", np.full((16, 128, 128, 3), 120, np.uint8))
    cue = Cue(0.5, 1.0, ("Hello",))
    plain = assemble(film(scene(clip, frames=16), side=128), tmp_path)
    before = pictures(plain.video)
    burnt = film(scene(clip, frames=16), side=128, cues=(cue,), captions=CaptionMode.BURNT)
    after = pictures(assemble(burnt, tmp_path).video)
    changed = [bool(np.abs(one.astype(int) - other).max() > 40) for one, other in zip(before, after, strict=True)]
    assert changed == [4 <= number < 8 for number in range(16)]
    assert after[4][:128].max() > 200  # white letters
    assert np.abs(before[4].astype(int) - after[4])[:64].max() <= 3  # and nothing in the upper half
    with av.open(str(tmp_path / "film.mp4")) as container:
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


def test_thumbnail_and_spritesheet_are_of_the_whole_film(tmp_path: Path, reel: Reel) -> None:
    made = assemble(film(scene(reel("a", 12, first=20)), scene(reel("b", 12, first=150))), tmp_path)
    with Image.open(made.thumbnail) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (64, 64))
        assert np.asarray(thumbnail.convert("L")).mean() == pytest.approx(150, abs=3)
    with Image.open(made.spritesheet) as sheet:
        assert (sheet.format, sheet.size) == ("JPEG", (5 * 64, 5 * 64))
        shown = np.asarray(sheet.convert("L"))
    assert shown[32, 32] == pytest.approx(20, abs=3)
    assert shown[4 * 64 + 32, 3 * 64 + 32] == pytest.approx(150 + 44, abs=3)


def test_the_same_script_gives_the_same_bytes_in_any_process(tmp_path: Path, reel: Reel, speak: Speak) -> None:
    reel("a"), reel("b"), speak("s", 1.2)
    program = f"""
import hashlib, pathlib, sys
from app.captions.cue import Cue
from app.types.storyboard import CaptionMode, Transition
from app.video.film.assemble import assemble
from app.video.film.script import FilmScript, SceneCut
at = pathlib.Path({str(tmp_path)!r})
out = at / sys.argv[1]
out.mkdir()
scenes = (SceneCut((at / "a.mp4",), 12, speech=at / "s.flac"),
          SceneCut((at / "b.mp4",), 16, transition=Transition.CROSSFADE, transition_frames=4))
made = assemble(FilmScript(64, 64, 8, scenes, cues=(Cue(0, 1, ("Hi",)),), music_level=0.3,
                           captions=CaptionMode.BURNT, deterministic=True), out)
print([hashlib.sha256(each.read_bytes()).hexdigest() for each in sorted(out.iterdir())])
"""
    once, again = (
        subprocess.run([sys.executable, "-c", program, name], check=True, capture_output=True).stdout
        for name in ("one", "two")
    )
    assert once == again
    assert once.count(b",") == 5


@pytest.mark.parametrize("damage", ["empty", "cut off", "not a video", "scrambled", "missing"])
def test_a_broken_clip_ends_the_film_and_its_scene_is_named(tmp_path: Path, reel: Reel, damage: str) -> None:
    rng = np.random.default_rng(0)
    good = reel("good")
    bad = reel("bad", rng.integers(0, 255, (12, 64, 64, 3), dtype=np.uint8))
    content = bytearray(bad.read_bytes())
    place = len(content) // 2
    content[place : place + 400] = rng.integers(0, 255, 400, dtype=np.uint8).tobytes()
    half = bytes(content[: len(content) // 2])
    written = {"empty": b"", "cut off": half, "not a video": b"#EXTM3U\n", "scrambled": bytes(content)}
    bad.unlink()
    if damage != "missing":
        bad.write_bytes(written[damage])
    with pytest.raises(GenerationError) as caught:
        assemble(film(scene(good), scene(bad), scene(good)), tmp_path)
    assert (caught.value.error_code, caught.value.param) == ("unreadable_clip", "scenes[1]")
    assert "scene 2" in str(caught.value)
    assert not list(tmp_path.glob("assembling_*"))


def test_a_broken_narration_is_named_as_well(tmp_path: Path, reel: Reel) -> None:
    speech = tmp_path / "s.flac"
    for content in (b"", b"fLaC", b"#EXTM3U\nfile:///etc/passwd\n"):
        speech.write_bytes(content)
        with pytest.raises(GenerationError) as caught:
            assemble(film(scene(reel("a")), scene(reel("a"), speech=speech)), tmp_path)
        assert (caught.value.error_code, caught.value.param) == ("unreadable_speech", "scenes[1]")


def test_it_stops_between_two_frames_when_it_is_not_wanted_any_more(tmp_path: Path, reel: Reel) -> None:
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) > 10

    with pytest.raises(Cancelled):
        assemble(film(scene(reel("a")), scene(reel("b"))), tmp_path, stop)
    assert len(asked) == 11
    assert not (tmp_path / "film.mp4").exists()
    assert not list(tmp_path.glob("assembling_*"))


def test_scenes_that_cannot_be_put_together_are_refused(tmp_path: Path, reel: Reel) -> None:
    clip = reel("a")
    long = scene(clip, transition=Transition.CROSSFADE, transition_frames=8)
    for scenes in ([], [scene(clip, frames=0)], [scene()], [scene(clip), long, long], [scene(clip, frames=7), long]):
        with pytest.raises(GenerationError) as caught:
            assemble(film(*scenes), tmp_path)
        assert caught.value.error_code == "unusable_film"


def test_memory_does_not_grow_with_the_number_of_scenes(tmp_path: Path, reel: Reel, speak: Speak) -> None:
    rolling = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3), dtype=np.uint8).repeat(16, 1).repeat(16, 2)
    reel("a", rolling), reel("b", rolling[::-1].copy()), speak("s", 0.9)
    program = f"""
import pathlib, resource, sys
from app.types.storyboard import Transition
from app.video.film.assemble import assemble
from app.video.film.script import FilmScript, SceneCut
at, number = pathlib.Path({str(tmp_path)!r}), int(sys.argv[1])
scenes = tuple(SceneCut((at / ("b.mp4" if each % 2 else "a.mp4"),), 16, transition=Transition.CROSSFADE,
                        transition_frames=4, speech=at / "s.flac") for each in range(number))
assemble(FilmScript(512, 512, 8, scenes, music_level=0.2), at)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    few, many = (
        float(subprocess.run([sys.executable, "-c", program, str(each)], check=True, capture_output=True).stdout)
        for each in (6, 24)
    )
    assert many < 600
    assert many - few < 30  # MiB; eighteen scenes more have 160 MiB of frames
