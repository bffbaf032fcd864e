"""A video that begins with a picture: however it is sent, checked, stored once, part of what the video is."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
import openai
import orjson
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


WRITTEN = base64.b64encode(png()).decode()
WRAPPED = base64.encodebytes(png()).decode().replace("\n", "\r\n")
SAID: dict[str, Any] = {
    "bare base64": WRITTEN,
    "base64 in lines": WRAPPED,
    "base64 for addresses, unpadded": base64.urlsafe_b64encode(png()).decode().rstrip("="),
    "a data URL in lines": f"data:image/png;base64,{WRAPPED}",
    "a data URL with a parameter": f"data:image/png;name=a.png;base64,{WRITTEN}",
    "a data URL with percent signs": f"data:image/png;base64,{quote(WRITTEN, safe='')}",
    "a data URL of no type": f"data:;base64,{WRITTEN}",
    "as chat messages": {"type": "image_url", "image_url": {"url": data_url(png()), "detail": "auto"}},
    "as the Responses API": {"type": "input_image", "image_url": data_url(png())},
    "a url": {"url": data_url(png())},
    "b64_json": {"b64_json": WRITTEN},
    "a list of one": [data_url(png())],
    "a list of one message": [{"type": "image_url", "image_url": {"url": data_url(png())}}],
}


@pytest.mark.parametrize("how", SAID)
@pytest.mark.parametrize("name", ["input_reference", "image", "image_url"])
async def test_a_picture_may_be_written_in_many_ways(
    how: str, name: str, house: House, client: httpx.AsyncClient
) -> None:
    plain = await made(house, client, input_reference=data_url(png()))
    assert (await made(house, client, **{name: SAID[how]})).plan.image == plain.plan.image


PARTS: dict[str, tuple[str, bytes]] = {
    "without a file name": ('name="image"', png()),
    "with an empty file name": ('name="image"; filename=""', png()),
    "with filename* alone": ("name=\"image\"; filename*=UTF-8''k%C3%A4se.png", png()),
    "in brackets": ('name="image[]"; filename="a.png"', png()),
    "in brackets without a file name": ('name="image[]"', png()),
    "numbered": ('name="image[0]"; filename="a.png"', png()),
    "an object in brackets": ('name="input_reference[image_url]"', data_url(png()).encode()),
    "a message in brackets": ('name="image[image_url][url]"', data_url(png()).encode()),
    "a JSON object": ('name="image"', orjson.dumps({"image_url": {"url": data_url(png())}})),
    "a list in JSON": ('name="image"', orjson.dumps([data_url(png())])),
    "base64": ('name="image"', WRITTEN.encode()),
    "base64 in lines": ('name="image"', WRAPPED.encode()),
    "base64 in a file": ('name="image"; filename="a.b64"', WRAPPED.encode()),
    "a large picture without a file name": ('name="image"', png(size=(40, 24)) + bytes(90_000)),
}


@pytest.mark.parametrize("how", PARTS)
async def test_a_forms_part_may_be_named_in_many_ways(how: str, house: House, client: httpx.AsyncClient) -> None:
    disposition, content = PARTS[how]
    head = f"--x\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: image/png\r\n\r\n".encode()
    body = (
        b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na red ball\r\n'
        + head
        + content
        + b"\r\n--x--\r\n"
    )
    answer = await client.post("/v1/videos", content=body, headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 200, answer.text
    plain = await made(house, client, input_reference=data_url(png()))
    assert (await house.jobs.get(answer.json()["id"])).plan.image == plain.plan.image


async def test_a_jpegs_bytes_survive_a_part_without_a_file_name(house: House, client: httpx.AsyncClient) -> None:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(file, "JPEG")
    boundary = {"content-type": "multipart/form-data; boundary=x"}
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % part
        for part in ((b"prompt", RED.encode()), (b"image", file.getvalue()))
    )
    answer = await client.post("/v1/videos", content=body + b"--x--\r\n", headers=boundary)
    by_file = await client.post("/v1/videos", data={"prompt": RED}, files={"image": ("a.jpg", file.getvalue())})
    jobs = [await house.jobs.get(each.json()["id"]) for each in (answer, by_file)]
    assert jobs[0].plan.image == jobs[1].plan.image is not None


NO_PICTURES: dict[str, tuple[bytes, str]] = {
    "a video": (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(range(256)) * 4, "an MP4 or other video"),
    "a video that is UTF-8": (b"\0\0\0\x18ftypisom" + bytes(100), "an MP4 or other video"),
    "a WebM": (b"\x1a\x45\xdf\xa3" + bytes(range(256)), "a Matroska or WebM video"),
    "a HEIC": (b"\0\0\0\x18ftypheic" + bytes(range(256)), "a HEIC"),
    "a PDF": (b"%PDF-1.7\n" + bytes(range(200, 256)), "a PDF"),
    "a TIFF": (b"II*\0" + bytes(range(256)), "a TIFF"),
    "a GIF": (b"GIF89a" + bytes(range(256)), "a GIF"),
    "an SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG"),
    "a ZIP": (b"PK\x03\x04" + bytes(range(256)), "a ZIP"),
    "any bytes": (bytes(range(256)), "nothing known as a picture"),
}


@pytest.mark.parametrize("name", ["", '; filename="a.bin"', "; filename*=UTF-8''a.bin"])
@pytest.mark.parametrize("what", NO_PICTURES)
async def test_another_file_is_refused_for_what_it_is_with_a_file_name_or_without(
    what: str, name: str, client: httpx.AsyncClient
) -> None:
    content, said = NO_PICTURES[what]
    head = f'--x\r\nContent-Disposition: form-data; name="input_reference"{name}\r\n\r\n'.encode()
    prompt = b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na red ball\r\n'
    answer = await client.post(
        "/v1/videos",
        content=prompt + head + content + b"\r\n--x--\r\n",
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_image", "input_reference")
    assert f"it is {said};" in error["message"]


async def test_a_plus_that_a_form_turned_into_a_blank_is_a_plus(house: House, client: httpx.AsyncClient) -> None:
    picture = next(each for n in range(256) if "+" in (each := base64.b64encode(png(f"#{n:02x}7733")).decode()))
    answer = await client.post(
        "/v1/videos",
        content=f"prompt=a&image={picture}",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 200, answer.text


WRONG: dict[str, tuple[Any, str]] = {
    "a data URL without a comma": ("data:image/png;base64", "no comma"),
    "a data URL that is not base64": ("data:image/svg+xml,%3Csvg%3E", "not in base64"),
    "a data URL of text": ("data:text/html;base64,aGVsbG8=", "'text/html'"),
    "an empty data URL": ("data:image/png;base64,", "is empty"),
    "letters that base64 has not": ("data:image/png;base64,a*b", "not valid base64"),
    "base64 of a GIF": (base64.b64encode(b"GIF89a" + bytes(90)).decode(), "it is of a GIF"),
    "a number": (7, "is a number"),
    "true": (True, "is true or false"),
    "an object of something else": ({"picture": "x"}, "'picture'"),
    "an object without a picture": ({"type": "image_url"}, "image_url is missing"),
    "a picture in two ways": ({"url": "http://a.example", "b64_json": WRITTEN}, "more than one way"),
    "a stored file": ({"file_id": "file_1"}, "no stored files"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_refusal_says_what_was_wrong_with_this_picture(what: str, client: httpx.AsyncClient) -> None:
    value, said = WRONG[what]
    answer = await client.post("/v1/videos", json={"prompt": RED, "input_reference": value})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "input_reference")
    assert said in error["message"]


async def test_an_empty_file_is_said_to_be_empty(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/videos", data={"prompt": RED}, files={"image": ("a.png", b"")})
    assert "is empty" in answer.json()["error"]["message"]


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
