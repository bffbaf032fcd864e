"""Lengths come in, frames go out: nothing is cut off, nothing is heard at once, sound and picture end together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.storyboards.timeline import LEAD_S, TAIL_S, Lengths, film_frames, timeline, with_pauses_s
from app.types.storyboard import Transition

FPS = 24
SCENES = st.builds(
    Lengths,
    clip_s=st.floats(0.05, 12),
    narration_s=st.none() | st.floats(0.1, 40),
    asked_s=st.none() | st.floats(0.1, 20),
    transition=st.sampled_from(Transition),
    transition_s=st.floats(0, 3),
)
FILMS = st.lists(SCENES, min_size=1, max_size=12)
RATES = st.integers(1, 60)


def test_a_scene_without_narration_lasts_as_long_as_its_clip() -> None:
    first, second = timeline([Lengths(2.125), Lengths(1.0)], FPS)
    assert (first.frames, second.start, second.frames) == (51, 51, 24)
    assert film_frames([first, second]) == 75


def test_a_scene_lasts_as_long_as_its_narration_with_its_pauses() -> None:
    (only,) = timeline([Lengths(1.0, narration_s=3.01)], FPS)
    assert only.frames == 8 + 73 + 12  # 0.3 s, 3.01 s and 0.5 s, each rounded up to whole frames
    assert only.speech_at == 8


def test_a_crossfade_overlaps_and_a_cut_and_a_fade_do_not() -> None:
    for transition, start in ((Transition.CROSSFADE, 36), (Transition.FADE, 48), (Transition.CUT, 48)):
        _, second = timeline([Lengths(2.0), Lengths(2.0, transition=transition, transition_s=0.5)], FPS)
        assert (second.start, second.frames) == (start, 48)


def test_the_first_scene_begins_without_a_transition() -> None:
    (first,) = timeline([Lengths(2.0, transition=Transition.CROSSFADE, transition_s=1.0)], FPS)
    assert (first.transition, first.transition_frames) == (Transition.CUT, 0)


@pytest.mark.parametrize(("clip_s", "asked_s"), [(1.0, 5.0), (8.0, 5.0)])
def test_a_scene_lasts_as_long_as_it_is_asked_to_whatever_its_clip_does(clip_s: float, asked_s: float) -> None:
    (only,) = timeline([Lengths(clip_s, narration_s=1.0, asked_s=asked_s)], FPS)
    assert only.frames == 5 * FPS


def test_a_clip_that_is_longer_than_its_narration_is_cut_to_it() -> None:
    (only,) = timeline([Lengths(4.0, narration_s=1.0)], FPS)
    assert only.frames == 8 + 24 + 12


@given(FILMS, RATES)
def test_no_narration_is_cut_off_and_no_two_are_heard_at_once(scenes: list[Lengths], fps: int) -> None:
    silent_from = 0.0
    for scene, place in zip(scenes, timeline(scenes, fps), strict=True):
        if scene.narration_s is None:
            continue
        begins, ends = place.speech_start, place.speech_start + scene.narration_s * fps
        assert begins >= silent_from
        assert begins >= place.start + LEAD_S * fps - 1e-6
        assert ends <= place.end - TAIL_S * fps + 1e-3
        silent_from = ends


@given(FILMS, RATES)
def test_scenes_follow_each_other_without_a_gap_and_overlap_with_their_neighbours_alone(
    scenes: list[Lengths], fps: int
) -> None:
    places = timeline(scenes, fps)
    for before, place in zip(places, places[1:], strict=False):
        shared = before.end - place.start
        assert shared == (place.transition_frames if place.transition is Transition.CROSSFADE else 0)
        assert place.transition_frames <= min(before.frames, place.frames) // 2
    assert places[0].start == 0
    assert film_frames(places) == max(place.end for place in places)


@given(st.floats(0.1, 60), st.floats(0, 3), RATES)
def test_a_clip_of_the_length_that_is_asked_for_holds_its_narration_to_a_frame(
    narration_s: float, fade_s: float, fps: int
) -> None:
    clip_s = with_pauses_s(narration_s, fade_s)
    scenes = [Lengths(60.0), Lengths(clip_s, narration_s, None, Transition.CROSSFADE, fade_s)]
    assert timeline(scenes, fps)[1].frames - clip_s * fps <= 3.001
