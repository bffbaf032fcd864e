from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.cache.keys import plan_digest
from app.errors import InvalidRequest
from tests.plan.conftest import SHAPES, Bounds, plan_for

RATIOS = {SHAPES.id: [1.0, 1.02]}


def test_a_step_cache_runs_every_step_alone_and_is_part_of_what_the_video_is() -> None:
    plain, cached = plan_for("a red ball"), plan_for("a red ball", step_cache="first_block")
    assert cached.sampling.budget == cached.sampling.steps
    assert cached.sampling.alone
    assert not plain.sampling.alone
    same = replace(cached, sampling=replace(cached.sampling, step_cache="taylorseer"))
    assert plan_digest(same, None) != plan_digest(cached, None)


def test_mag_cache_is_for_models_that_were_measured_and_other_magnitudes_are_other_videos() -> None:
    with pytest.raises(InvalidRequest, match="not measured"):
        plan_for("a red ball", step_cache="mag")
    first = plan_for("a red ball", bounds=Bounds(mag_ratios=RATIOS), step_cache="mag")
    other = plan_for("a red ball", bounds=Bounds(mag_ratios={SHAPES.id: [1.0, 1.03]}), step_cache="mag")
    assert plan_digest(first, None) != plan_digest(other, None)


@pytest.mark.parametrize(
    ("wishes", "code"),
    [
        ({"step_cache": "first_blok"}, "unknown_step_cache"),
        ({"step_cache": "first_block", "budget": 9}, "conflicting_parameters"),
        ({"step_cache": "first_block", "deterministic": True}, "conflicting_parameters"),
    ],
)
def test_what_a_step_cache_cannot_be_combined_with_is_refused(wishes: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        plan_for("a red ball", **wishes)
    assert (raised.value.param, raised.value.error_code) == ("step_cache", code)
