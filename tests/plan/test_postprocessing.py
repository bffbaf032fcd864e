from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidRequest, UnsupportedParameter
from app.plan.cost import UNKNOWN
from app.plan.planner import make_plan
from app.plan.postprocessing import PostprocessingLimits, most_fps, postprocessed
from app.types import FLOW, MODEL, OFF, Plan, VideoRequest
from tests.plan.conftest import CATALOGUE, SHAPES, Bounds, Planned

NOTHING = PostprocessingLimits()


def planned(limits: PostprocessingLimits = NOTHING, **wishes: Any) -> Plan:
    request = VideoRequest("a red ball rolls", **wishes)
    return make_plan(request, CATALOGUE, Bounds(), UNKNOWN, lambda: 7, frames=limits)


@pytest.mark.parametrize(
    ("wishes", "made", "shown"),
    [
        ({"fps": 16}, (17, 8), (33, 16)),
        ({"fps": 32}, (17, 8), (65, 32)),
        ({"fps": 12}, (17, 8), (25, 12)),
        ({"fps": 16, "seconds": 2.0}, (17, 8), (32, 16)),
        ({"fps": 32, "seconds": 1.0}, (9, 8), (32, 32)),
        ({"fps": 32, "seconds": 2.125}, (17, 8), (68, 32)),  # the last frame plays for an eighth of a second
        ({"fps": 16, "seconds": 4.0}, (17, 4), (64, 16)),
        ({"fps": 16, "frames": 17}, (9, 8), (17, 16)),
        ({"fps": 32, "frames": 65}, (17, 8), (65, 32)),
        ({"fps": 24, "frames": 2}, (5, 8), (2, 24)),
        ({"interpolate": FLOW}, (17, 8), (33, 16)),
        ({"interpolate": FLOW, "fps": 8, "seconds": 4.0}, (17, 4), (32, 8)),
    ],
)
def test_a_higher_rate_shows_more_frames_of_what_moves_as_fast(
    wishes: dict[str, Any], made: tuple[int, int], shown: tuple[int, int]
) -> None:
    plan = planned(**wishes)
    assert (plan.spec.frames, plan.spec.fps) == made
    assert (plan.whole.frames, plan.whole.fps, plan.whole.size) == (*shown, "128x128")
    assert plan.postprocessing is not None
    assert plan.postprocessing.interpolate == FLOW


@pytest.mark.parametrize("wishes", [{}, {"fps": 8}, {"fps": 4}, {"fps": 6, "seconds": 1.0}, {"seconds": 4.0}])
def test_at_the_models_own_rate_and_below_all_is_as_it_is_made(wishes: dict[str, Any]) -> None:
    assert planned(**wishes).postprocessing is None


def test_off_plays_what_is_made_faster_as_the_model_allows() -> None:
    plan = planned(fps=16, interpolate=OFF)
    assert (plan.postprocessing, plan.whole.frames, plan.whole.fps) == (None, 17, 16)
    with pytest.raises(InvalidRequest, match="4 to 16 frames per second") as caught:
        planned(fps=32, interpolate=OFF)
    assert caught.value.param == "fps"


def test_a_model_that_hears_the_rate_makes_it_itself_as_far_as_it_can() -> None:
    hears = replace(SHAPES, hears_fps=True)
    assert postprocessed(VideoRequest("a", fps=16), hears, NOTHING)[1] is None
    made, more = postprocessed(VideoRequest("a", fps=24), hears, NOTHING)
    assert more is not None
    assert (made.fps, more.fps) == (8, 24)


@pytest.mark.parametrize(
    ("wishes", "param"),
    [
        ({"fps": 33}, "fps"),
        ({"fps": 3, "interpolate": FLOW}, "fps"),
        ({"fps": 32, "seconds": 4.0}, "seconds"),
        ({"fps": 32, "seconds": math.nan}, "seconds"),
        ({"fps": 32, "seconds": math.inf}, "seconds"),
        ({"fps": 32, "seconds": 0.0}, "seconds"),
        ({"fps": 32, "frames": 10**400}, "frames"),
        ({"fps": 32, "frames": 69}, "frames"),
        ({"fps": 32, "frames": 65, "seconds": -1.0}, "seconds"),
        ({"fps": 16, "width": 256}, "size"),
        ({"upscale": 3}, "upscale"),
        ({"upscale": 0}, "upscale"),
    ],
)
def test_what_cannot_be_is_refused_by_name(wishes: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        planned(**wishes)
    assert caught.value.param == param


def test_a_model_that_is_not_set_up_cannot_be_asked_for() -> None:
    with pytest.raises(UnsupportedParameter, match="interpolation_model") as caught:
        planned(interpolate=MODEL, fps=16)
    assert caught.value.param == "interpolate"
    plan = planned(PostprocessingLimits(interpolation="abc"), interpolate=MODEL, fps=16)
    assert plan.postprocessing is not None
    assert plan.postprocessing.interpolate_mark == "abc"


@settings(max_examples=200, deadline=None)
@given(st.floats(0.3, 4.2), st.integers(4, 32), st.sampled_from([None, FLOW]))
def test_seconds_keep_their_meaning_at_every_rate(seconds: float, fps: int, method: str | None) -> None:
    try:
        plan = planned(seconds=seconds, fps=fps, interpolate=method)
    except InvalidRequest:
        assert seconds > 2.0
        return
    if plan.postprocessing is None:
        return
    assert abs(plan.whole.seconds - seconds) <= 0.5001 / fps
    assert plan.spec.frames in SHAPES.frames
    assert plan.spec.seconds >= plan.whole.seconds - 1e-9  # no frame is held for longer than its own time
    assert plan.whole.fps <= 4 * plan.spec.fps


def test_pictures_are_enlarged_and_the_model_makes_its_own_size() -> None:
    plan = planned(upscale=4)
    assert (plan.spec.size, plan.whole.size, plan.whole.frames) == ("128x128", "512x512", 17)
    assert plan.estimate.seconds > planned().estimate.seconds
    assert plan.estimate.step_seconds == planned().estimate.step_seconds


@pytest.mark.parametrize("wishes", [{"upscale": 1}, {"upscale": None}])
def test_once_is_not_at_all(wishes: dict[str, Any]) -> None:
    assert planned(**wishes) == planned()


def test_more_pixels_than_are_allowed_are_refused_before_they_are_made() -> None:
    with pytest.raises(InvalidRequest, match="megapixels") as caught:
        planned(PostprocessingLimits(picture=200_000), upscale=4)
    assert (caught.value.param, caught.value.error_code) == ("upscale", "unsupported_size")
    with pytest.raises(InvalidRequest, match="65 frames of 128x128") as caught:
        planned(PostprocessingLimits(video=1e6), fps=32)
    assert caught.value.param == "fps"


def test_interpolation_without_need_is_told() -> None:
    plan = planned(fps=8, seconds=1.0, interpolate=FLOW)
    assert plan.postprocessing is None
    assert ("no_effect", "interpolate") in {(each.code, each.param) for each in plan.warnings}


def test_the_plan_says_what_becomes_of_the_frames(plan: Planned) -> None:
    reasons = " ".join(plan("a red ball", fps=16, upscale=2).why.reasons)
    assert "17 frames at 8 a second become 33 at 16 by optical flow" in reasons
    assert "enlarged 2 times by Lanczos" in reasons


def test_the_fastest_rate_is_four_times_the_models_own() -> None:
    assert most_fps(SHAPES) == 32
    assert most_fps(replace(SHAPES, frames=(1,), default_frames=1, fps=(1, 1), default_fps=1)) == 1


OWN = replace(SHAPES, upscaler="own", upscale=2)


@pytest.mark.parametrize(
    ("wishes", "made", "shown", "mark"),
    [
        ({}, (128, 128), 256, "own"),
        ({"upscale": 1}, (128, 128), 128, None),
        ({"upscale": 4}, (128, 128), 512, "own"),
        ({"width": 128, "height": 128}, (128, 128), 128, None),
        ({"width": 256, "height": 256}, (128, 128), 256, "own"),
        ({"width": 512, "height": 512}, (128, 128), 512, "own"),
    ],
)
def test_a_model_with_an_upscaler_of_its_own_is_shown_larger_unless_it_is_asked_for_less(
    wishes: dict[str, Any], made: tuple[int, int], shown: int, mark: str | None
) -> None:
    spec, more = postprocessed(VideoRequest("a red ball", **wishes), OWN, NOTHING)
    assert (spec.width, spec.height) == made
    assert spec.width * (1 if more is None else more.upscale) == shown
    assert (None if more is None else more.upscale_mark) == mark


def test_an_operators_upscaler_takes_the_place_of_the_models_own() -> None:
    _, more = postprocessed(VideoRequest("a red ball"), OWN, PostprocessingLimits(upscaling={2: "theirs"}))
    assert more is not None
    assert more.upscale_mark == "theirs"


def test_a_size_that_no_enlargement_makes_is_refused_by_name() -> None:
    for model, side in ((OWN, 384), (SHAPES, 256)):
        with pytest.raises(InvalidRequest) as caught:
            postprocessed(VideoRequest("a red ball", width=side, height=side), model, NOTHING)
        assert (caught.value.param, caught.value.error_code) == ("size", "unsupported_size")
