from __future__ import annotations

import base64
import importlib
import io
from collections.abc import AsyncIterator
from typing import Any

import anyio
import openai
import pytest
from PIL import Image

from tests.api.house import MODEL, PICTURES, House

pytestmark = pytest.mark.anyio

FOG = {"prompt": "a lighthouse in fog"}
# The package has its own copy of httpx since version 3.
http: Any = importlib.import_module("httpx2" if int(openai.__version__.split(".")[0]) >= 3 else "httpx")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A house with a model of each kind, where somebody makes all that comes."""
    house = House(models=(MODEL, PICTURES))
    async with anyio.create_task_group() as group:
        group.start_soon(make_all, house)
        yield house
        group.cancel_scope.cancel()


async def make_all(house: House) -> None:
    while True:
        for waiting in await house.jobs.waiting():
            await house.complete(waiting.id)
        await house.jobs.wait_for_work(5.0)


@pytest.fixture
async def images(house: House) -> AsyncIterator[Any]:
    transport = http.AsyncClient(transport=http.ASGITransport(app=house.app))
    async with openai.AsyncOpenAI(api_key="any", base_url="http://kinoray/v1", http_client=transport) as client:
        yield client.images


async def test_the_openai_package_gets_its_pictures(images: Any) -> None:
    made = await images.generate(prompt="a lighthouse in fog", n=2, size="96x64", output_format="webp", quality="low")
    pictures = [Image.open(io.BytesIO(base64.b64decode(each.b64_json))) for each in made.data]
    assert [(picture.format, picture.size) for picture in pictures] == [("WEBP", (96, 64))] * 2
    assert (made.size, made.output_format) == ("96x64", "webp")
    assert made.data[1].seed == made.data[0].seed + 1


async def test_openai_values_that_ask_for_what_happens_anyway_pass(images: Any) -> None:
    harmless = {"stream": False, "moderation": "auto", "background": "auto", "partial_images": 0, "n": 1}
    made = await images.generate(prompt="a lighthouse in fog", output_compression=100, quality="auto", **harmless)
    assert len(made.data) == 1
    for name, value in {"moderation": "strict", "partial_images": 2, "output_compression": 50}.items():
        with pytest.raises(openai.BadRequestError) as caught:
            await images.generate(prompt="a lighthouse in fog", extra_body={name: value})
        assert (caught.value.code, caught.value.param) == ("unsupported_parameter", name)


async def test_a_picture_has_an_address_and_is_a_job_like_any_other(house: House, images: Any) -> None:
    made = await images.generate(**FOG, model="stills", response_format="url", output_format="jpeg", size="auto")
    async with house.client() as client:
        file = await client.get(made.data[0].url)
        job = (await client.get(f"/v1/videos/{made.data[0].id}")).json()
    assert (file.headers["content-type"], Image.open(io.BytesIO(file.content)).format) == ("image/jpeg", "JPEG")
    assert (job["model"], job["num_frames"], job["status"]) == ("stills", 1, "completed")


async def test_a_repeat_is_answered_from_the_cache(house: House) -> None:
    async with house.client() as client:
        first, again = [(await client.post("/v1/images/generations", json=FOG)).json() for _ in range(2)]
        job = (await client.get(f"/v1/videos/{again['data'][0]['id']}")).json()
    assert first["data"][0]["b64_json"] == again["data"][0]["b64_json"]
    assert job["cache"]["kind"] == "result"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 11}, "n"),
        ({"output_format": "gif"}, "output_format"),
        ({"response_format": "file"}, "response_format"),
        ({"size": "100x100"}, "size"),
        ({"num_frames": 9}, "num_frames"),
        ({"stream": True}, "stream"),
        ({"qualty": "high"}, "qualty"),
        ({"quality": "splendid"}, "quality"),
        ({"model": "shapes"}, "model"),
        ({"model": "nobody"}, "model"),
        ({"prompt": " "}, "prompt"),
    ],
)
async def test_what_cannot_be_made_is_refused_by_name(house: House, fields: dict[str, Any], param: str) -> None:
    async with house.client() as client:
        response = await client.post("/v1/images/generations", json=FOG | fields)
    assert response.status_code in (400, 404)
    assert response.json()["error"]["param"] == param
    assert await house.count() == 0


async def test_where_no_model_makes_pictures_the_answer_says_so() -> None:
    async with House().client() as client:
        response = await client.post("/v1/images/generations", json=FOG)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "not_an_image_model")


async def test_a_model_of_pictures_makes_no_video(house: House) -> None:
    async with house.client() as client:
        response = await client.post("/v1/videos", json=FOG | {"model": "stills"})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "not_a_video_model")


async def test_pictures_that_take_too_long_go_on() -> None:
    house = House(models=(MODEL, PICTURES), sync_timeout_s=0.05)
    async with house.client() as client:
        response = await client.post("/v1/images/generations", json=FOG | {"n": 3})
    assert (response.status_code, response.json()["error"]["code"]) == (504, "timeout")
    assert len(response.headers["x-video-id"].split(",")) == await house.count() == 3


async def test_when_one_of_several_is_refused_none_is_made() -> None:
    house = House(models=(MODEL, PICTURES), max_queued=1)
    await house.board.put("backlog", {"wait_s": 0.0, "jobs": 0}, 60.0)
    accept, seen = house.service.accept, []

    async def counted(*args: Any, **kwargs: Any) -> Any:
        accepted = await accept(*args, **kwargs)
        seen.append(accepted.job.id)
        await house.board.put("backlog", {"wait_s": 0.0, "jobs": len(seen)}, 60.0)
        return accepted

    house.service.accept = counted  # type: ignore[method-assign]
    async with house.client() as client:
        response = await client.post("/v1/images/generations", json=FOG | {"n": 2})
    assert response.status_code == 429
    assert (await house.jobs.get(seen[0])).failure is not None


async def test_the_same_request_under_the_same_key_is_given_the_same_pictures(house: House) -> None:
    asked = FOG | {"n": 2, "seed": -1}
    async with house.client(headers={"Idempotency-Key": "fog-1"}) as client:
        first, again = [await client.post("/v1/images/generations", json=asked) for _ in range(2)]
        other = await client.post("/v1/images/generations", json=asked | {"prompt": "a lighthouse"})
    assert first.json() == again.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (other.status_code, await house.count()) == (409, 2)


async def test_what_was_accepted_under_a_key_goes_on_and_the_rest_is_asked_for_again() -> None:
    house = House(models=(MODEL, PICTURES), tenant_max_jobs=1, sync_timeout_s=0.05)
    asked = FOG | {"n": 2}
    async with house.client(headers={"Idempotency-Key": "fog-2"}) as client:
        refused = await client.post("/v1/images/generations", json=asked)
        (waiting,) = await house.jobs.waiting()
        await house.complete(waiting.id)
        late = await client.post("/v1/images/generations", json=asked)
    assert (refused.status_code, late.status_code) == (429, 504)
    assert late.headers["x-video-id"].split(",")[0] == waiting.id
