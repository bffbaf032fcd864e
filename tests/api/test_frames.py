"""More frames a second and larger pictures over the wire: what is asked, answered, and refused by name."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.types import FLOW
from tests.api.house import MODEL, PICTURES, House

pytestmark = pytest.mark.anyio
RED = {"prompt": "a red ball rolls"}


async def test_a_video_is_as_it_will_be_shown_and_says_what_the_model_makes(client: httpx.AsyncClient) -> None:
    asked = RED | {"fps": 32, "seconds": 2, "upscale": 2}
    video = (await client.post("/v1/videos", json=asked)).json()
    assert (video["fps"], video["num_frames"], video["seconds"], video["size"]) == (32, 64, "2", "128x128")
    made = video["optimization"]
    assert (made["fps_made"], made["frames_made"], made["size_made"]) == (8, 17, "64x64")
    assert (made["interpolate"], made["upscale"]) == (FLOW, 2)


async def test_the_plan_has_it_in_the_estimate(client: httpx.AsyncClient) -> None:
    plain, more = [
        (await client.post("/api/optimization/analyze", json=RED | asked)).json()
        for asked in ({}, {"fps": 32, "upscale": 4})
    ]
    assert more["estimated_seconds"] > plain["estimated_seconds"]
    assert more["estimated_step_seconds"] == plain["estimated_step_seconds"]
    assert (more["fps"], more["size"], plain["interpolate"], plain["upscale"]) == (32, "256x256", "off", 1)


async def test_another_rate_or_size_is_another_video_in_the_cache(house: House, client: httpx.AsyncClient) -> None:
    first = (await client.post("/v1/videos", json=RED | {"fps": 16})).json()
    await house.complete(first["id"])
    kinds: dict[str, str] = {}
    others: dict[str, dict[str, Any]] = {
        "same": {},
        "larger": {"upscale": 2},
        "faster": {"fps": 32},
        "off": {"interpolate": "off"},
    }
    for name, asked in others.items():
        answer = (await client.post("/v1/videos", json={**RED, "fps": 16, **asked})).json()
        kinds[name] = answer["cache"]["kind"]
    assert kinds == {"same": "result", "larger": "none", "faster": "none", "off": "none"}


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize(
    ("asked", "param", "code"),
    [
        ({"fps": 33}, "fps", "unsupported_fps"),
        ({"fps": 16, "interpolate": "twice"}, "interpolate", "invalid_request"),
        ({"fps": 16, "interpolate": "model"}, "interpolate", "unsupported_parameter"),
        ({"upscale": 3}, "upscale", "invalid_request"),
        ({"upscale": -2}, "upscale", "invalid_request"),
        ({"upscale": "much"}, "upscale", "invalid_request"),
        ({"upscale": 2.5}, "upscale", "invalid_request"),
        ({"fps": 32, "seconds": 4}, "seconds", "unsupported_length"),
        ({"fps": 32, "num_frames": 100}, "num_frames", "unsupported_length"),
        ({"upscaling": 2}, "upscaling", "unknown_parameter"),
        ({"enable_upscaling": True}, "enable_upscaling", "unsupported_parameter"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    client: httpx.AsyncClient, asked: dict[str, Any], param: str, code: str, form: bool
) -> None:
    if form:
        answer = await client.post("/v1/videos", files={k: (None, str(v)) for k, v in (RED | asked).items()})
    else:
        answer = await client.post("/v1/videos", json=RED | asked)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, code)


async def test_a_form_asks_for_the_same(client: httpx.AsyncClient) -> None:
    fields = {"prompt": (None, "a red ball"), "upscale": (None, "2"), "interpolate": (None, ""), "fps": (None, "16")}
    video = (await client.post("/v1/videos", files=fields)).json()
    assert (video["size"], video["num_frames"]) == ("128x128", 33)


async def test_pixels_are_bounded_by_the_operator() -> None:
    house = House(max_video_megapixels=0.2)
    async with house.client() as client:
        answer = await client.post("/v1/videos", json=RED | {"upscale": 4})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "upscale")
        assert (await client.post("/v1/videos", json=RED)).status_code == 200
    assert await house.count() == 1


async def test_a_model_says_what_may_be_asked() -> None:
    house = House(models=(MODEL, PICTURES))
    async with house.client() as client:
        told = {each["id"]: each for each in (await client.get("/v1/models")).json()["data"]}
    assert (told["shapes"]["max_fps"], told["shapes"]["interpolate"]) == (32, ["off", "flow"])
    assert (told["stills"]["max_fps"], told["stills"]["interpolate"]) == (1, ["off"])
    assert told["shapes"]["upscale"] == told["stills"]["upscale"] == [1, 2, 4]


async def test_a_remix_is_shown_as_its_source(client: httpx.AsyncClient) -> None:
    source = (await client.post("/v1/videos", json=RED | {"fps": 32, "seconds": 1, "upscale": 2})).json()
    again = (await client.post(f"/v1/videos/{source['id']}/remix", json={"prompt": "a blue ball"})).json()
    for name in ("fps", "num_frames", "size", "seconds"):
        assert again[name] == source[name]
    for name in ("fps_made", "frames_made", "size_made", "interpolate", "upscale"):
        assert again["optimization"][name] == source["optimization"][name]
