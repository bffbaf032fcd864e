"""The many ways to say the same: JSON and forms, one spelling or another."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.house import House

pytestmark = pytest.mark.anyio

FULL = {
    "prompt": "a red ball",
    "model": "sora-2",
    "size": "96x64",
    "num_frames": 9,
    "fps": 6,
    "seed": 5,
    "num_inference_steps": 12,
    "guidance_scale": 2.5,
    "negative_prompt": "a dog",
    "n": 1,
    "quality": "draft",
}
SPELLINGS: dict[str, dict[str, Any]] = {
    "width and height": {"size": None, "width": 96, "height": 64},
    "in video_params": {
        **dict.fromkeys(("size", "num_frames", "fps")),
        "video_params": {"width": 96, "height": 64, "num_frames": 9, "fps": 6},
    },
    "frames and steps": {"num_frames": None, "frames": 9, "num_inference_steps": None, "steps": 12},
    "quality_tier": {"quality": None, "quality_tier": "preview"},
    "tier": {"quality": None, "tier": "preview"},
    "a list of one seed": {"seed": [5]},
    "in extra_body": {"seed": None, "extra_body": {"seed": 5}},
    "in extra_params": {"fps": None, "extra_params": {"fps": 6}},
    "num_outputs_per_prompt": {"n": None, "num_outputs_per_prompt": 1},
    "a capital X": {"size": "96X64"},
    "twice the same": {"frames": 9, "width": 96},
    "with what is ignored": {"max_sequence_length": 512, "generator_device": "cuda", "enable_teacache": True},
}


async def planned(house: House, response: httpx.Response) -> dict[str, Any]:
    """What the job's plan says, as far as FULL decides it."""
    assert response.status_code == 200, response.text
    plan = (await house.jobs.get(response.json()["id"])).plan
    spec, sampling = plan.spec, plan.sampling
    assert (plan.prompt, plan.negative_prompt, plan.model) == ("a red ball", "a dog", "shapes")
    return {
        "size": spec.size,
        "frames": spec.frames,
        "fps": spec.fps,
        "seed": sampling.seed,
        "steps": sampling.steps,
        "guidance": sampling.guidance,
        "tier": plan.tier,
    }


MEANT = {"size": "96x64", "frames": 9, "fps": 6, "seed": 5, "steps": 12, "guidance": 2.5, "tier": "preview"}


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_every_spelling_means_the_same(spelling: str, house: House, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/videos", json=FULL | SPELLINGS[spelling])
    assert await planned(house, response) == MEANT


TEXT = {name: str(value) for name, value in FULL.items()}
FORMS: dict[str, dict[str, str]] = {
    "plain": {},
    "brackets": {"video_params[fps]": "6", "seed[]": "5", "fps": "", "seed": ""},
    "JSON inside": {"video_params": '{"fps": 6}', "fps": "", "seed": "[5]"},
    "nothing in extra_body": {"extra_body": "", "cache": ""},
}


@pytest.mark.parametrize("how", ["data", "files"])
@pytest.mark.parametrize("form", FORMS)
async def test_a_form_means_the_same(form: str, how: str, house: House, client: httpx.AsyncClient) -> None:
    fields = {name: value for name, value in (TEXT | FORMS[form]).items() if value or name in ("extra_body", "cache")}
    if any(name.startswith("seed[") for name in fields):
        fields.pop("seed", None)
    body: Any = {name: (None, value) for name, value in fields.items()} if how == "files" else fields
    assert await planned(house, await client.post("/v1/videos", **{how: body})) == MEANT


@pytest.mark.parametrize(("seconds", "frames"), [(2, 17), ("2", 17), (2.125, 17), ("1.0", 9), (" 2 ", 17), ("", 17)])
async def test_seconds_may_be_a_number_or_a_text(seconds: Any, frames: int, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/videos", json={"prompt": "a red ball", "seconds": seconds})
    assert response.json()["num_frames"] == frames


async def test_cache_wishes_come_through_a_form(house: House, client: httpx.AsyncClient) -> None:
    form = {"prompt": "a red ball", "cache[mode]": "write", "cache[ttl_s]": "60"}
    made = (await client.post("/v1/videos", data=form)).json()
    job = await house.jobs.get(made["id"])
    assert (str(job.wishes.cache), job.wishes.cache_ttl_s) == ("write", 60.0)


async def test_an_uploaded_picture_is_refused_by_name(house: House, client: httpx.AsyncClient) -> None:
    files = {"input_reference": ("cat.png", b"\x89PNG", "image/png")}
    response = await client.post("/v1/videos", data={"prompt": "a cat"}, files=files)
    assert (response.status_code, response.json()["error"]["param"]) == (400, "input_reference")
    assert await house.count() == 0


async def test_a_file_is_no_prompt(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/videos", files={"prompt": ("prompt.txt", b"a red ball")})
    assert response.json()["error"]["message"] == "prompt must be a string."


async def test_an_analysis_takes_the_same_fields_and_makes_nothing(house: House, client: httpx.AsyncClient) -> None:
    answers = [
        await client.get("/api/optimization/analyze", params=TEXT),
        await client.post("/api/optimization/analyze", json=FULL),
        await client.post("/api/optimization/analyze", data=TEXT),
    ]
    first = answers[0].json()
    assert all(answer.json() == first for answer in answers)
    assert {name: first[name] for name in MEANT} == MEANT
    assert (first["prompt"], first["budget"], first["fixed_default_steps"]) == ("a red ball", 12, 50)
    assert await house.count() == 0
