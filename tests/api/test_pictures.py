"""A video that begins with a picture: however it is sent, checked, stored once, part of what the video is."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from tests.api.house import MODEL, House
from tests.api.test_openai import http

pytestmark = pytest.mark.anyio
RED = "a red ball"


def png(colour: str = "red", size: tuple[int, int] = (40, 24)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def data_url(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


@pytest.fixture
def house() -> House:
    return House(models=(replace(MODEL, takes_image=True),), max_image_bytes=100_000, max_image_pixels=1_000_000)


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as opened:
        yield opened


async def made(house: House, client: httpx.AsyncClient, **body: Any) -> Any:
    answer = await client.post("/v1/videos", json={"prompt": RED, **body})
    assert answer.status_code == 200, answer.text
    return await house.jobs.get(answer.json()["id"])


async def test_file_data_url_and_object_are_the_same_picture(house: House, client: httpx.AsyncClient) -> None:
    off = {"cache": {"mode": "off"}}
    jobs = [
        await made(house, client, input_reference=data_url(png()), **off),
        await made(house, client, input_reference={"image_url": data_url(png())}, **off),
        await made(house, client, image_url=data_url(png()), **off),
    ]
    form = await client.post(
        "/v1/videos", data={"prompt": RED}, files={"input_reference": ("any.name", png(), "text/plain")}
    )
    jobs.append(await house.jobs.get(form.json()["id"]))
    (image,) = {job.plan.image for job in jobs}
    stored = b"".join([chunk async for chunk in house.artifacts.read(image)])
    assert Image.open(io.BytesIO(stored)).getpixel((0, 0)) == (255, 0, 0)


async def test_the_openai_package_sends_a_file_and_an_address(house: House) -> None:
    transport = http.AsyncClient(transport=http.ASGITransport(app=house.app))
    async with openai.AsyncOpenAI(api_key="any", base_url="http://kinoray/v1", http_client=transport) as opened:
        videos: Any = opened.videos
        by_file = await videos.create(prompt=RED, input_reference=("cat.png", png(), "image/png"))
        by_url = await videos.create(prompt=RED, extra_body={"input_reference": {"image_url": data_url(png())}})
    images = {(await house.jobs.get(each.id)).plan.image for each in (by_file, by_url)}
    assert len(images) == 1
    assert None not in images


async def test_another_picture_is_another_video_and_the_same_one_a_repeat(
    house: House, client: httpx.AsyncClient
) -> None:
    first = await made(house, client, input_reference=data_url(png()))
    await house.complete(first.id)
    again = await made(house, client, input_reference=data_url(png()))
    other = await made(house, client, input_reference=data_url(png("blue")))
    assert (again.cache.kind, other.cache.kind) == ("result", "none")


async def test_a_picture_stays_while_any_job_needs_it_and_goes_with_the_last(
    house: House, client: httpx.AsyncClient
) -> None:
    jobs = [await made(house, client, input_reference=data_url(png()), seed=seed) for seed in (1, 2)]
    image = jobs[0].plan.image
    await client.delete(f"/v1/videos/{jobs[0].id}")
    assert await house.artifacts.exists(image)
    await client.delete(f"/v1/videos/{jobs[1].id}")
    assert not await house.artifacts.exists(image)


async def test_a_remix_begins_with_the_same_picture(house: House, client: httpx.AsyncClient) -> None:
    first = await made(house, client, input_reference=data_url(png()))
    answer = await client.post(f"/v1/videos/{first.id}/remix", json={"prompt": "a blue box"})
    assert (await house.jobs.get(answer.json()["id"])).plan.image == first.plan.image


async def test_tenants_have_pictures_of_their_own() -> None:
    house = House(models=(replace(MODEL, takes_image=True),), api_keys={"ann": "a", "bob": "b"})
    async with house.client() as client:
        keys = set()
        for key in ("a", "b"):
            body = {"prompt": RED, "input_reference": data_url(png())}
            answer = await client.post("/v1/videos", json=body, headers={"authorization": f"Bearer {key}"})
            job = await house.jobs.get(answer.json()["id"])
            assert job.plan.image is not None
            keys.add(job.plan.image.key)
    assert len(keys) == 2


BAD: dict[str, tuple[Any, int, str]] = {
    "no base64": ("data:image/png;base64,***", 400, "invalid_image"),
    "no picture": (data_url(b"hello, this is text"), 400, "invalid_image"),
    "another kind of data": ("data:text/html;base64,aGVsbG8=", 400, "invalid_image"),
    "half a picture": (data_url(png("red", (400, 400))[:200]), 400, "invalid_image"),
    "too many bytes": (data_url(b"\x89PNG" + bytes(200_000)), 413, "image_too_large"),
    "too many pixels": (data_url(png("red", (1100, 1000))), 413, "image_too_large"),
    "a sliver": (data_url(png("red", (3, 500))), 400, "invalid_image"),
    "a stored file": ({"file_id": "file_1"}, 400, "unsupported_parameter"),
    "a number": (7, 400, "invalid_image"),
    "a path": ("/etc/passwd", 400, "address_refused"),
    "a file address": ("file:///etc/passwd", 400, "address_refused"),
    "the machine itself": ("http://127.0.0.1:1/a.png", 400, "address_refused"),
    "the machine by name": ("http://localhost/a.png", 400, "address_refused"),
    "a cloud's secrets": ("http://169.254.169.254/latest/meta-data", 400, "address_refused"),
    "an address with a password": ("http://me:secret@93.184.216.34/a.png", 400, "address_refused"),
}


@pytest.mark.parametrize("what", list(BAD))
async def test_what_is_no_picture_is_refused_by_its_field_and_makes_no_job(
    house: House, client: httpx.AsyncClient, what: str
) -> None:
    value, status, code = BAD[what]
    answer = await client.post("/v1/videos", json={"prompt": RED, "input_reference": value})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, "input_reference")
    assert await house.count() == 0


async def test_a_model_of_text_alone_refuses_before_it_looks() -> None:
    async with House().client() as client:
        answer = await client.post("/v1/videos", json={"prompt": RED, "input_reference": "http://127.0.0.1/x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "image_not_taken")


async def test_a_model_that_needs_a_picture_says_so() -> None:
    async with House(models=(replace(MODEL, takes_image=True, needs_image=True),)).client() as client:
        answer = await client.post("/v1/videos", json={"prompt": RED})
        listed = (await client.get("/v1/models")).json()["data"][0]
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "image_required")
    assert listed["needs_image"]


async def test_a_second_experts_guidance_is_for_models_that_have_one() -> None:
    async with House().client() as client:
        answer = await client.post("/v1/videos", json={"prompt": RED, "guidance_scale_2": 3})
    assert answer.json()["error"]["code"] == "unsupported_parameter"
    house = House(models=(replace(MODEL, guidance_2=3.5),))
    async with house.client() as client:
        job = await made(house, client, guidance_scale_2=2)
    assert job.plan.sampling.guidance_2 == 2
