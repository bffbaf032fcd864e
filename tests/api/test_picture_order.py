"""When the picture that a request names is looked at: last, once nothing else can answer or refuse the request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.api.house import MODEL, House
from tests.api.test_pictures import data_url, png
from tests.service.test_input_image import reply, serving

pytestmark = pytest.mark.anyio

KEY = {"Idempotency-Key": "k-1"}
MODELS = (replace(MODEL, takes_image=True),)


class Bucket:
    """A real server with a picture behind addresses that are signed, and expire."""

    def __init__(self) -> None:
        self.url = ""
        self.content = png()
        self.expired: set[str] = set()
        self.asked: list[str] = []

    def answer(self, path: str) -> bytes:
        self.asked.append(path)
        return reply(b"", status="403 Forbidden") if path in self.expired else reply(self.content)

    def request(self, signature: str = "1", **fields: Any) -> dict[str, Any]:
        return {"prompt": "a red ball", "input_reference": f"{self.url}/a.png?sig={signature}", **fields}


@pytest.fixture
async def bucket() -> AsyncIterator[Bucket]:
    bucket = Bucket()
    async with serving(bucket.answer) as bucket.url:
        yield bucket


def house_with(**settings: Any) -> House:
    return House(models=MODELS, fetch_private=True, **settings)


async def posted(house: House, body: dict[str, Any], path: str = "/v1/videos", **headers: str) -> httpx.Response:
    async with house.client() as client:
        return await client.post(path, json=body, headers=headers)


@pytest.mark.parametrize("path", ["/v1/videos", "/v1/videos/sync"])
async def test_a_replay_is_answered_though_its_address_has_expired(bucket: Bucket, path: str) -> None:
    house = house_with()
    first = await posted(house, bucket.request(), **KEY)
    await house.complete(first.json()["id"])
    bucket.expired.add("/a.png?sig=1")
    again = await posted(house, bucket.request(), path, **KEY)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert (await house.count(), len(bucket.asked)) == (1, 1)


async def test_a_replay_whose_address_was_signed_anew_is_one_if_the_picture_is_the_same(bucket: Bucket) -> None:
    house = house_with()
    first = await posted(house, bucket.request(), **KEY)
    again = await posted(house, bucket.request("2"), **KEY)
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (first.json()["id"], "true")
    bucket.content = png("blue")
    other = await posted(house, bucket.request("3"), **KEY)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert await house.count() == 1


async def test_a_replay_with_a_file_is_one_however_it_is_sent() -> None:
    house = house_with()
    first = await posted(house, {"prompt": "a red ball", "input_reference": data_url(png())}, **KEY)
    async with house.client() as client:
        files = {"input_reference": ("a.png", png(), "image/png")}
        again = await client.post("/v1/videos", data={"prompt": "a red ball"}, files=files, headers=KEY)
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (first.json()["id"], "true")


async def test_a_burst_under_one_key_is_one_job(bucket: Bucket) -> None:
    house = house_with()
    answers = await asyncio.gather(*(posted(house, bucket.request(), **KEY) for _ in range(10)))
    assert len({answer.json()["id"] for answer in answers}) == await house.count() == 1


@pytest.mark.parametrize("before", ["with a picture", "without one"])
async def test_a_key_of_another_request_is_refused_before_the_picture_is_fetched(bucket: Bucket, before: str) -> None:
    house = house_with()
    first = bucket.request() if before == "with a picture" else {"prompt": "a red ball"}
    await posted(house, first, **KEY)
    fetched = len(bucket.asked)
    other = await posted(house, bucket.request("2", prompt="a blue ball"), **KEY)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert len(bucket.asked) == fetched


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "the tenant has enough": ({"tenant_max_jobs": 1}, {}, 429),
    "the tenant has spent enough": ({"tenant_step_seconds": 0.001}, {}, 429),
    "the line is full": ({"max_queued": 1}, {}, 429),
    "the size is none of the model's": ({}, {"size": "100x100"}, 400),
    "the model is unknown": ({}, {"model": "nobody"}, 404),
    "it comes after nobody": ({}, {"after": "video_00000000"}, 404),
}


@pytest.mark.parametrize("why", REFUSED)
async def test_nothing_is_fetched_or_decoded_for_what_is_refused_anyway(bucket: Bucket, why: str) -> None:
    settings, fields, status = REFUSED[why]
    house = house_with(**settings)
    await posted(house, {"prompt": "a green ball"})
    by_address = await posted(house, bucket.request(**fields))
    by_bytes = await posted(house, bucket.request(**fields) | {"input_reference": data_url(b"no picture at all")})
    assert [by_address.status_code, by_bytes.status_code] == [status, status]
    assert by_bytes.json()["error"]["param"] != "input_reference"
    assert bucket.asked == []


async def test_nothing_is_fetched_for_who_would_wait_too_long(bucket: Bucket) -> None:
    house = house_with()
    await house.board.put("backlog", {"wait_s": 1e6, "jobs": 9}, 60.0)
    answer = await posted(house, bucket.request())
    assert (answer.status_code, "retry-after" in answer.headers, bucket.asked) == (429, True, [])
    assert await house.board.counters("entered") == {}


async def test_an_analysis_fetches_the_picture_of_what_could_be_made_only(bucket: Bucket) -> None:
    house = house_with()
    path = "/api/optimization/analyze"
    assert (await posted(house, bucket.request(size="100x100"), path)).status_code == 400
    assert bucket.asked == []
    assert (await posted(house, bucket.request(), path)).status_code == 200
    bucket.expired.add("/a.png?sig=1")
    assert (await posted(house, bucket.request(), path)).json()["error"]["code"] == "image_not_fetched"


async def test_two_pictures_under_one_remembered_plan_stay_two(bucket: Bucket) -> None:
    house = house_with()
    first = (await posted(house, bucket.request())).json()["id"]
    bucket.content = png("blue")
    second = (await posted(house, bucket.request())).json()["id"]
    images = [(await house.jobs.get(each)).plan.image for each in (first, second)]
    assert None not in images
    assert images[0] != images[1]
    assert [await house.artifacts.exists(image) for image in images if image] == [True, True]
