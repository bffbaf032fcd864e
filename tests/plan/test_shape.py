from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidRequest
from app.plan.shape import shape
from app.types import VideoRequest
from tests.plan.conftest import SHAPES


@pytest.mark.parametrize(
    ("wishes", "frames", "fps"),
    [
        ({}, 17, 8),
        ({"fps": 16}, 17, 16),
        ({"seconds": 4.0}, 17, 4),
        ({"seconds": 2.0}, 17, 8),
        ({"seconds": 1.0}, 9, 8),
        ({"seconds": 0.3}, 5, 8),
        ({"seconds": 1.0, "fps": 16}, 17, 16),
        ({"seconds": 9 / 8 + 0.05}, 9, 8),
        ({"frames": 9}, 9, 8),
        ({"frames": 10}, 13, 8),
        ({"frames": 9, "seconds": 4.0}, 9, 8),
        ({"width": 128}, 17, 8),
    ],
)
def test_frames_and_rate_follow_from_the_wish(wishes: dict[str, Any], frames: int, fps: int) -> None:
    spec = shape(VideoRequest("a", **wishes), SHAPES)
    assert (spec.frames, spec.fps, spec.size) == (frames, fps, "128x128")


@pytest.mark.parametrize(
    ("wishes", "param"),
    [
        ({"width": 640, "height": 480}, "size"),
        ({"width": -1}, "size"),
        ({"fps": 3}, "fps"),
        ({"fps": 17}, "fps"),
        ({"frames": 18}, "frames"),
        ({"frames": 10**400}, "frames"),
        ({"frames": 4}, "frames"),
        ({"seconds": 4.5}, "seconds"),
        ({"seconds": 2.0, "fps": 16}, "seconds"),
        ({"seconds": 0.1}, "seconds"),
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": float("inf"), "frames": 5}, "seconds"),
        ({"seconds": 10**400}, "seconds"),
    ],
)
def test_what_the_model_cannot_make_is_refused_by_name(wishes: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest, match="kinoray-shapes") as caught:
        shape(VideoRequest("a", **wishes), SHAPES)
    assert caught.value.param == param


def test_the_message_names_the_sizes() -> None:
    model = replace(SHAPES, sizes=((128, 128), (192, 128)))
    with pytest.raises(InvalidRequest, match="128x128, 192x128") as caught:
        shape(VideoRequest("a", width=100, height=100), model)
    assert caught.value.error_code == "unsupported_size"
    assert shape(VideoRequest("a", width=192), model).size == "192x128"


@settings(max_examples=100, deadline=None)
@given(st.floats(0.3, 4.25), st.none() | st.integers(4, 16))
def test_a_video_plays_as_long_as_asked_give_or_take_half_a_frame(seconds: float, fps: int | None) -> None:
    try:
        spec = shape(VideoRequest("a", seconds=seconds, fps=fps), SHAPES)
    except InvalidRequest:
        assert fps is not None
        assert seconds * fps > 17
        return
    assert spec.seconds >= seconds - 0.5001 / spec.fps
    assert spec.frames in SHAPES.frames
    assert fps in (None, spec.fps)
