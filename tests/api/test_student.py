"""Which weights make a tier: told of models, of plans and of videos."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.types import STUDENT, StudentOfModel, TierOfModel
from tests.api.house import MODEL, House

pytestmark = pytest.mark.anyio

TAUGHT = replace(
    MODEL,
    student=StudentOfModel("abc", (1.0, 0.9, 0.7, 0.4)),
    tiers=(TierOfModel("preview", (4, 4, 4, 4), guidance=1.0, weights=STUDENT),),
)


async def test_a_model_says_which_tiers_its_student_makes() -> None:
    async with House(models=(TAUGHT,)).client() as client:
        told = (await client.get("/v1/models/shapes")).json()
    assert told["student"] == {"revision": "abc", "evaluations": 4}
    assert {name: tier["weights"] for name, tier in told["tiers"].items()} == {
        "preview": "student",
        "standard": "own",
        "premium": "own",
        "ultra": "own",
    }
    assert (told["tiers"]["preview"]["steps"], told["tiers"]["preview"]["guidance"]) == ([4, 4, 4, 4], 1.0)


async def test_a_model_without_a_student_says_so() -> None:
    async with House().client() as client:
        told = (await client.get("/v1/models/shapes")).json()
    assert told["student"] is None
    assert {tier["weights"] for tier in told["tiers"].values()} == {"own"}


@pytest.mark.parametrize(
    ("more", "weights", "steps"),
    [({}, "student", 4), ({"num_inference_steps": 20}, "own", 20), ({"guidance_scale": 2}, "own", 12)],
)
async def test_an_analysis_and_a_video_say_which_weights_denoise_and_why(
    more: dict[str, float], weights: str, steps: int
) -> None:
    asked = {"prompt": "a red ball", "quality_tier": "preview", **more}
    async with House(models=(TAUGHT,)).client() as client:
        plan = (await client.post("/api/optimization/analyze", json=asked)).json()
        video = (await client.post("/v1/videos", json=asked)).json()
    for told in (plan, video["optimization"]):
        assert (told["weights"], told["steps"], told["evaluations"]) == (weights, steps, steps)
        assert ["is not used" in reason for reason in told["reasons"] if "student" in reason] == [weights == "own"]
