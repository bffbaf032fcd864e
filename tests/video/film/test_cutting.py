from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.captions.cue import Cue
from app.types.storyboard import CaptionMode, Fit, Transition
from app.video.film.clips import Clip
from app.video.film.cutting import brightness, changed, cue_frames, fades, order, overlaps, segments
from app.video.film.script import FilmScript, SceneCut

HEADER = b"parameters"


def clip(frames: int, fps: float = 8, plain: bool = True, header: bytes = HEADER) -> Clip:
    times = tuple(number / fps for number in range(frames))
    return Clip(Path(f"{frames}.mp4"), 64, 64, times, frames / fps, header, plain)


def film(*scenes: SceneCut, cues: tuple[Cue, ...] = (), captions: CaptionMode = CaptionMode.TRACK) -> FilmScript:
    return FilmScript(64, 64, 8, scenes, cues=cues, captions=captions)


def cut(script: FilmScript, *clips: Clip) -> list[tuple[int, int, bool]]:
    orders = [
        order([each], scene.frames, script.fps, scene.fit) for each, scene in zip(clips, script.scenes, strict=True)
    ]
    found = segments(script, [[each] for each in clips], orders, HEADER)
    assert sum(each.count for each in found) == script.frames
    return [(each.start, each.count, each.clip is not None) for each in found]


def scene(frames: int, kind: Transition = Transition.CUT, overlap: int = 0, fit: Fit = Fit.HOLD) -> SceneCut:
    return SceneCut((Path("a.mp4"),), frames, transition=kind, transition_frames=overlap, fit=fit)


def test_plain_scenes_are_taken_over_whole_and_longer_ones_as_far_as_their_clip() -> None:
    assert cut(film(scene(12), scene(9)), clip(12), clip(20)) == [(0, 12, True), (12, 9, True)]
    assert cut(film(scene(20), scene(9)), clip(12), clip(9)) == [(0, 12, True), (12, 8, False), (20, 9, True)]
    assert cut(film(scene(20, fit=Fit.LOOP)), clip(8)) == [(0, 8, True), (8, 8, True), (16, 4, True)]
    assert cut(film(scene(20, fit=Fit.SLOW)), clip(10)) == [(0, 20, False)]


def test_a_clip_is_taken_over_up_to_a_crossfade_and_what_follows_one_is_drawn() -> None:
    script = film(scene(12), scene(12, Transition.CROSSFADE, 4), scene(12))
    assert cut(script, *[clip(12)] * 3) == [(0, 8, True), (8, 12, False), (20, 12, True)]


def test_runs_that_are_drawn_are_one_where_they_meet() -> None:
    script = film(scene(12), scene(12, Transition.FADE, 4), scene(12, Transition.FADE, 4))
    assert cut(script, *[clip(12)] * 3) == [(0, 10, True), (10, 26, False)]


def test_burnt_captions_are_drawn_from_the_first_frame_that_has_one() -> None:
    cues = (Cue(0.5, 0.75, ("a",)),)
    burnt = film(scene(12), scene(12), cues=cues, captions=CaptionMode.BURNT)
    assert cut(burnt, clip(12), clip(12)) == [(0, 4, True), (4, 8, False), (12, 12, True)]
    assert cut(replace(burnt, captions=CaptionMode.TRACK), clip(12), clip(12)) == [(0, 12, True), (12, 12, True)]


def test_other_parameters_sizes_rates_and_untidy_clips_are_drawn() -> None:
    script = film(scene(12))
    assert cut(script, clip(12, header=b"others")) == [(0, 12, False)]
    assert cut(script, clip(12, plain=False)) == [(0, 12, False)]
    assert cut(script, clip(24, fps=16)) == [(0, 12, False)]


def test_no_segment_is_a_single_frame_unless_the_film_is() -> None:
    assert cut(film(scene(1)), clip(1)) == [(0, 1, False)]
    assert cut(film(scene(12), scene(1), scene(12)), clip(12), clip(1), clip(12)) == [(0, 13, False), (13, 12, True)]
    assert cut(film(scene(1), scene(12)), clip(1), clip(12)) == [(0, 13, False)]
    assert cut(film(scene(13), scene(12)), clip(12), clip(12)) == [(0, 13, False), (13, 12, True)]
    assert cut(film(scene(13, fit=Fit.LOOP), scene(12)), clip(12), clip(12)) == [(0, 13, False), (13, 12, True)]


def test_each_frame_shows_what_is_on_screen_at_its_time() -> None:
    assert order([clip(4)], 4, 8, Fit.HOLD).tolist() == [0, 1, 2, 3]
    assert order([clip(8, 16)], 4, 8, Fit.HOLD).tolist() == [0, 2, 4, 6]
    assert order([clip(2, 4)], 4, 8, Fit.HOLD).tolist() == [0, 0, 1, 1]
    assert order([clip(24, 24)], 30, 30, Fit.HOLD).tolist() == [int((n + 0.125) / 30 * 24) for n in range(30)]
    # Times that a file has rounded to milliseconds, up or down, do not let a picture come twice.
    rounded = replace(clip(24, 24), times=tuple(round(number / 24, 3) for number in range(24)))
    assert order([rounded], 24, 24, Fit.HOLD).tolist() == list(range(24))


def test_slow_spreads_a_clip_evenly_and_loop_begins_again() -> None:
    assert order([clip(4)], 8, 8, Fit.SLOW).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert order([clip(4)], 10, 8, Fit.LOOP).tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert order([clip(4)], 3, 8, Fit.SLOW).tolist() == [0, 1, 2]  # long enough: nothing to fill


def test_further_clips_follow_without_their_first_picture_and_the_last_stands() -> None:
    assert order([clip(4), clip(4)], 9, 8, Fit.EXTEND).tolist() == [0, 1, 2, 3, 5, 6, 7, 7, 7]
    # 4 pictures of an eighth of a second, then, from half a second on, 7 of a sixteenth.
    assert order([clip(4), clip(8, 16)], 7, 8, Fit.EXTEND).tolist() == [0, 1, 2, 3, 5, 7, 9]


def test_transitions_belong_to_both_scenes_and_the_first_has_none() -> None:
    script = film(scene(9, Transition.FADE, 4), scene(9, Transition.FADE, 5), scene(9, Transition.CROSSFADE, 3))
    assert [fades(script, number) for number in range(3)] == [(0, 2), (3, 0), (0, 0)]
    assert [overlaps(script, number) for number in range(3)] == [(0, 0), (0, 3), (3, 0)]
    assert [brightness(script, 0, frame) for frame in range(6, 9)] == [(1, 1), (1, 2), (0, 2)]
    assert [brightness(script, 1, frame) for frame in range(4)] == [(1, 4), (2, 4), (3, 4), (1, 1)]
    assert np.flatnonzero(changed(script)).tolist() == [7, 8, 9, 10, 11, 15, 16, 17]


@pytest.mark.parametrize(("start", "end", "frames"), [(0.5, 1.0, (4, 8)), (0.51, 1.01, (5, 9)), (-1, 99, (0, 12))])
def test_a_cue_is_seen_in_frames_that_begin_while_it_lasts(start: float, end: float, frames: tuple[int, int]) -> None:
    assert cue_frames(film(scene(12), cues=(Cue(start, end, ("a",)),))) == (frames,)
