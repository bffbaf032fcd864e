"""Refusals name the fields that the client sent, by limits that stand in the schema, and suggest what was meant."""

from __future__ import annotations

from typing import Any

import pytest

from app.api.requests.schemas import CreateVideo
from app.plan.guidance import LEAST_GUIDANCE, MOST_GUIDANCE
from app.plan.tiers import MOST_STEPS
from tests.api.house import House

pytestmark = pytest.mark.anyio


async def refused(house: House, body: dict[str, Any], path: str = "/v1/videos") -> dict[str, Any]:
    async with house.client() as client:
        answer = await client.post(path, json={"prompt": "a red ball", **body})
    assert answer.status_code == 400, answer.text
    return dict(answer.json()["error"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("num_inference_steps", 101),
        ("num_frames", 99),
        ("frames", 99),
        ("n", 2),
        ("num_outputs_per_prompt", 2),
        ("guidance_scale", 21),
        ("guidance_scale", 0.5),
        ("quality", "nonsense"),
        ("quality_tier", "nonsense"),
        ("image", "nonsense"),
        ("budget", 101),
    ],
)
@pytest.mark.parametrize("path", ["/v1/videos", "/v1/videos/sync", "/api/optimization/analyze"])
async def test_a_refusal_names_the_field_that_was_sent(house: House, path: str, name: str, value: object) -> None:
    error = await refused(house, {name: value}, path)
    assert error["param"] == name
    others = {"steps", "num_inference_steps", "frames", "num_frames", "guidance", "num_outputs_per_prompt"} - {name}
    assert not others & set(error["message"].replace(".", " ").split()[:1])


async def test_a_field_inside_a_merged_object_is_named_as_it_stands_there(house: House) -> None:
    assert (await refused(house, {"extra_body": {"steps": 0}}))["param"] == "steps"


@pytest.mark.parametrize(("name", "most"), [("num_inference_steps", MOST_STEPS), ("guidance_scale", MOST_GUIDANCE)])
async def test_the_schemas_limit_is_the_one_that_is_kept(house: House, name: str, most: float) -> None:
    limits = [each for each in CreateVideo.model_json_schema()["properties"][name]["anyOf"] if "maximum" in each]
    assert [each["maximum"] for each in limits] == [most]
    assert [each["minimum"] for each in limits] == [LEAST_GUIDANCE if name == "guidance_scale" else 1]
    async with house.client() as client:
        answer = await client.post("/v1/videos", json={"prompt": "a red ball", name: most})
    assert answer.status_code == 200, answer.text
    assert f"{most:g}" in (await refused(house, {name: most + 1}))["message"]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("video_length", "seconds"),
        ("frame_rate", "fps"),
        ("cfg_scale", "guidance_scale"),
        ("sede", "seed"),
        ("promt", "prompt"),
        ("inference_steps", "num_inference_steps"),
        ("num-frames", "num_frames"),
        ("webhook_url", "webhook"),
        ("negative", "negative_prompt"),
    ],
)
async def test_a_suggestion_is_near_in_spelling_or_meaning(house: House, asked: str, meant: str) -> None:
    assert f"Did you mean {meant!r}?" in (await refused(house, {asked: 1}))["message"]


@pytest.mark.parametrize("asked", ["zzz", "x", "banana", "lorem_ipsum_dolor"])
async def test_what_is_near_to_nothing_gets_no_suggestion(house: House, asked: str) -> None:
    assert "Did you mean" not in (await refused(house, {asked: 1}))["message"]
