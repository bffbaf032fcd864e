from __future__ import annotations

import shutil
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from app.captions.cue import Cue
from app.errors import Cancelled, GenerationError
from app.types.storyboard import CaptionMode, Fit, Transition
from app.video.film.assemble import assemble
from tests.video.film.conftest import Reel, Speak, film, grey, levels, luma, pictures, scene, times


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
import pathlib, sys
from app.types.storyboard import Transition
from app.video.film.assemble import assemble
from app.video.film.script import FilmScript, SceneCut
at, number = pathlib.Path({str(tmp_path)!r}), int(sys.argv[1])
scenes = tuple(SceneCut((at / ("b.mp4" if each % 2 else "a.mp4"),), 16, transition=Transition.CROSSFADE,
                        transition_frames=4, speech=at / "s.flac") for each in range(number))
assemble(FilmScript(512, 512, 8, scenes, music_level=0.2), at)
# Not ru_maxrss: that begins with what the process had that started this one.
print(next(int(line.split()[1]) / 1024 for line in open('/proc/self/status') if line.startswith('VmHWM')))
"""
    few, many = (
        float(subprocess.run([sys.executable, "-c", program, str(each)], check=True, capture_output=True).stdout)
        for each in (6, 24)
    )
    assert many < 600
    assert many - few < 30  # MiB; eighteen scenes more have 160 MiB of frames


@pytest.mark.parametrize(("kind", "frames", "most_ms"), [(Transition.CUT, 0, 60), (Transition.CROSSFADE, 8, 250)])
def test_a_scene_costs_little_more_than_looking_at_it(
    tmp_path: Path, reel: Reel, kind: Transition, frames: int, most_ms: float
) -> None:
    clip = reel("a", 33, fps=8, side=128)
    scenes = [scene(clip, frames=33, transition=kind, transition_frames=frames) for _ in range(12)]
    began = time.process_time()
    assemble(film(*scenes, side=128), tmp_path)
    assert (time.process_time() - began) * 1000 / 12 <= most_ms
