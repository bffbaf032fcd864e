from __future__ import annotations

import json
from typing import Any

import pytest

from app.plan.explain import describe
from tests.plan.conftest import Bounds, Planned


def test_a_description_tells_what_is_saved_and_why(plan: Planned) -> None:
    told = describe(plan("a dog running", Bounds(price_per_device_hour=3.6)))
    assert (told["complexity_score"], told["complexity"], told["tier"], told["steps"]) == (2, "simple", "standard", 18)
    assert (told["fixed_default_steps"], told["steps_saved_share"]) == (50, 0.64)
    assert (told["estimated_seconds"], told["fixed_default_seconds"]) == (2.3, 5.5)
    assert told["estimated_cost"] == pytest.approx(0.0018)  # of the device seconds
    assert told["factors"][0] == {"name": "motion", "score": 2, "found": ["running"]}
    assert told["reasons"][0] == "Motion adds 2: running."


def test_a_description_is_json(plan: Planned) -> None:
    told = describe(plan("a dog 🎈"))
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize(
    ("wishes", "run", "full", "share"),
    [
        ({"steps": 100}, 100, 100, 0.0),
        ({"steps": 100, "budget": 25}, 25, 100, 0.75),
        ({"steps": 20}, 20, 50, 0.6),
        ({"tier": "ultra"}, 50, 50, 0.0),
    ],
)
def test_savings_are_evaluations_against_the_models_own_full_run_and_never_negative(
    plan: Planned, wishes: dict[str, Any], run: int, full: int, share: float
) -> None:
    told = describe(plan("a dog", **wishes))
    assert (told["evaluations"], told["fixed_default_steps"], told["steps_saved_share"]) == (run, full, share)
