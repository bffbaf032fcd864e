"""The request that makes a video again: sent as it stands it is the same video, whatever that was asked for with."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import httpx
import pytest
from PIL import Image

from app.api.requests.fields import Fields
from app.api.requests.spoken import spoken
from app.api.requests.video_request import video_request
from app.cache.keys import plan_digest
from app.errors import InvalidRequest
from app.plan.likeness import request_like
from app.types import FIRST, LAST, InputRole, RequestableLora
from tests.api.house import MODEL, House
from tests.api.test_pictures import data_url, png
from tests.api.test_styles import made
from tests.plan.test_likeness import MODELS, TABLES, WISHES, planned
from tests.plan.test_likeness import asked as wished

pytestmark = pytest.mark.anyio
RED = "a red ball"
TWO_PICTURES = replace(MODEL, takes_image=True, inputs=(InputRole(FIRST), InputRole(LAST, beside=FIRST)))
SEES = replace(MODEL, takes_image=True, adapters=("ink",), loras=(RequestableLora("ink"),), step_caches=True)
ASKED: tuple[dict[str, Any], ...] = (
    {},
    {"seed": 2**63 - 1, "size": "96x64", "num_frames": 9, "fps": 8},
    {"tier": "premium", "num_inference_steps": 20, "guidance_scale": 4.5, "sampler": "unipc"},
    {"negative_prompt": "blur", "flow_shift": 5, "guidance_stop": 0.5},
    {"deterministic": True, "style": "cinematic", "enhance": True},
    {"step_cache": "taylorseer"},
    {"loras": [{"name": "ink", "strength": 0.5}]},
    {"fps": 32, "upscale": 2},
    {"interpolate": "off", "upscale": 1},
)


async def told(client: httpx.AsyncClient, video: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(f"/v1/videos/{video['id']}/request")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: "-".join(asked) or "nothing")
async def test_what_is_told_makes_the_same_video(asked: dict[str, Any]) -> None:
    house = House(models=(SEES,))
    async with house.client() as client:
        video = (await client.post("/v1/videos", json={"prompt": RED} | asked)).json()
        request = await told(client, video)
        assert (request["object"], request["path"], request["exact"]) == ("video.request", "/v1/videos", True)
        again = (await client.post(request["path"], json=request["body"])).json()
        first, second = [(await house.jobs.get(each["id"])).plan for each in (video, again)]
    assert plan_digest(second, None) == plan_digest(first, None)
    assert (second.asked_tier, second.style, second.written) == (first.asked_tier, first.style, first.written)


async def test_what_is_usual_is_not_told() -> None:
    async with House(models=(SEES,)).client() as client:
        video = (await client.post("/v1/videos", json={"prompt": RED, "seed": 5})).json()
        usual = {"quality_tier": "auto", "model": "shapes", "size": "64x64", "num_frames": 17, "fps": 8}
        assert (await told(client, video))["body"] == {"prompt": RED, "seed": 5} | usual


async def test_of_what_is_unusual_that_alone_is_told() -> None:
    async with House(models=(SEES,)).client() as client:
        video = (await client.post("/v1/videos", json={"prompt": RED, "seed": 5, "guidance_scale": 4.5})).json()
        usual = {"quality_tier": "auto", "model": "shapes", "size": "64x64", "num_frames": 17, "fps": 8}
        assert (await told(client, video))["body"] == {"prompt": RED, "seed": 5, "guidance_scale": 4.5} | usual


async def test_a_large_seed_is_text() -> None:
    async with House().client() as client:
        video = (await client.post("/v1/videos", json={"prompt": RED, "seed": 2**60 + 1})).json()
        assert (await told(client, video))["body"]["seed"] == str(2**60 + 1)


async def test_of_a_video_with_a_picture_a_remix_is_told() -> None:
    house = House(models=(SEES,))
    async with house.client() as client:
        asked = {"prompt": RED, "seed": 5, "input_reference": data_url(png()), "prepare": {"crop": "contain"}}
        video = (await client.post("/v1/videos", json=asked)).json()
        request = await told(client, video)
        assert request["path"] == f"/v1/videos/{video['id']}/remix"
        assert (request["body"], request["exact"]) == ({"prompt": RED, "seed": 5}, True)
        usual = {"quality_tier": "auto", "model": "shapes", "size": "64x64", "num_frames": 17, "fps": 8}
        assert request["fields"] == request["body"] | usual
        again = (await client.post(request["path"], json=request["body"])).json()
        first, second = [(await house.jobs.get(each["id"])).plan for each in (video, again)]
    assert second.image == first.image is not None


async def test_what_it_was_made_with_is_there_for_its_tenant_alone() -> None:
    keys = {"ann": "a" * 32, "bob": "b" * 32}
    house = House(models=(TWO_PICTURES,), api_keys=keys)
    async with house.client(headers={"authorization": f"Bearer {keys['ann']}"}) as client:
        roles = {"first": "red", "last": "blue"}
        references = [{"image": data_url(png(colour)), "role": role} for role, colour in roles.items()]
        asked = {"input_references": references}
        video = (await client.post("/v1/videos", json={"prompt": RED} | asked)).json()
        request = await told(client, video)
        assert [(each["role"], each["kind"], each["content_type"]) for each in request["inputs"]] == [
            *(("first", "image", "image/png"), ("last", "image", "image/png"))
        ]
        pictures = [(await client.get(each["url"])).content for each in request["inputs"]]
        assert [Image.open(io.BytesIO(each)).getpixel((0, 0)) for each in pictures] == [(255, 0, 0), (0, 0, 255)]
        assert [len(each) for each in pictures] == [each["size_bytes"] for each in request["inputs"]]
        part = await client.get(request["inputs"][0]["url"], headers={"range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, b"\x89PNG")
        none = await client.get(f"/v1/videos/{video['id']}/inputs/2")
        assert (none.status_code, none.json()["error"]["code"]) == (404, "content_gone")
        bad = await client.get(f"/v1/videos/{video['id']}/inputs/-1")
        assert (bad.status_code, bad.json()["error"]["param"]) == (400, "number")
        others = await client.get(request["inputs"][0]["url"], headers={"authorization": f"Bearer {keys['bob']}"})
        assert (others.status_code, others.json()["error"]["code"]) == (404, "video_not_found")
        await house.artifacts.delete((await house.jobs.get(video["id"])).plan.inputs[0])
        gone = await client.get(request["inputs"][0]["url"])
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "artifact_lost")


async def test_what_cannot_come_again_just_so_is_said(client: httpx.AsyncClient) -> None:
    own = await made(client)
    video = (await client.post("/v1/videos", json={"prompt": RED, "style": own["id"]})).json()
    assert (await told(client, video))["exact"]
    await client.delete(f"/v1/styles/{own['id']}")
    assert not (await told(client, video))["exact"]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_what_is_spoken_is_heard_as_it_was_meant(name: str) -> None:
    model = MODELS[name]
    for wishes in WISHES:
        if model.needs_image or wishes.get("image"):
            continue
        try:
            plan = planned(wished(model, (), **wishes), model, TABLES)
        except InvalidRequest:
            continue
        request = request_like(plan, model, plan.prompt)
        assert video_request(Fields(spoken(request)), 4000) == request
