"""Files over HTTP: whole, in part, by name, and only when they are there."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from app.api.requests.ranges import Span, Unsatisfiable, span_of
from tests.api.house import THUMBNAIL, VIDEO, House

pytestmark = pytest.mark.anyio

SIZE = len(VIDEO)
SPANS = {
    "bytes=0-0": Span(0, 1),
    "bytes=0-": Span(0, SIZE),
    "bytes=10-19": Span(10, 20),
    "bytes=-5": Span(SIZE - 5, SIZE),
    "bytes=-999999": Span(0, SIZE),
    f"bytes={SIZE - 1}-": Span(SIZE - 1, SIZE),
    "bytes=5-999999999999": Span(5, SIZE),
    "Bytes = 1 - 2": Span(1, 3),
}
WHOLE = ("bytes=", "bytes=-", "bytes=5-3", "bytes=a-b", "bytes=0-1,5-6", "lines=0-1", "bytes", "", "bytes=--1")
OUTSIDE = (f"bytes={SIZE}-", "bytes=-0", "bytes=999999999-9999999999")


@pytest.mark.parametrize("header", SPANS)
async def test_a_range_gets_its_bytes(
    header: str, house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    await house.complete(job["id"])
    span = SPANS[header]
    response = await client.get(f"/v1/videos/{job['id']}/content", headers={"range": header})
    assert (response.status_code, response.content) == (206, VIDEO[span.start : span.end])
    assert response.headers["content-range"] == f"bytes {span.start}-{span.end - 1}/{SIZE}"
    assert response.headers["content-length"] == str(span.end - span.start)


@pytest.mark.parametrize("header", WHOLE)
def test_what_is_no_single_range_means_the_whole_file(header: str) -> None:
    assert span_of(header, SIZE) is None


@pytest.mark.parametrize("header", OUTSIDE)
async def test_a_range_outside_is_refused(
    header: str, house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    await house.complete(job["id"])
    response = await client.get(f"/v1/videos/{job['id']}/content", headers={"range": header})
    assert (response.status_code, response.headers["content-range"]) == (416, f"bytes */{SIZE}")
    assert response.json()["error"]["code"] == "range_not_satisfiable"


def test_nothing_lies_inside_an_empty_file() -> None:
    with pytest.raises(Unsatisfiable):
        span_of("bytes=0-", 0)


async def test_the_whole_file_comes_with_its_name(house: House, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    await house.complete(job["id"])
    response = await client.get(f"/v1/videos/{job['id']}/content")
    assert (response.status_code, response.content) == (200, VIDEO)
    assert response.headers["content-type"] == "video/mp4"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-disposition"] == f'inline; filename="{job["id"]}.mp4"'


async def test_a_head_has_the_headers_alone(house: House, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    await house.complete(job["id"])
    response = await client.head(f"/v1/videos/{job['id']}/content")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(SIZE)


async def test_a_thumbnail_has_its_own_type(house: House, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    await house.complete(job["id"])
    response = await client.get(f"/v1/videos/{job['id']}/content?variant=thumbnail")
    assert (response.content, response.headers["content-type"]) == (THUMBNAIL, "image/webp")


async def test_what_is_known_is_not_sent_again(house: House, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    await house.complete(job["id"])
    address = f"/v1/videos/{job['id']}/content"
    tag = (await client.head(address)).headers["etag"]
    assert (await client.get(address, headers={"if-none-match": f'"other", {tag}'})).status_code == 304
    for known in (f"W/{tag}", f'W/"other",W/{tag}', "*", f' "a, b" , {tag} '):
        for answer in (
            await client.get(address, headers={"if-none-match": known}),
            await client.head(address, headers={"if-none-match": known}),
        ):
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
            assert answer.headers["cache-control"] == "private, no-cache"
    for other in ('W/"other"', f'"{tag[1:-2]}"', tag[1:-1], ""):
        assert (await client.get(address, headers={"if-none-match": other})).status_code == 200
    part = {"range": "bytes=0-1"}
    assert (await client.get(address, headers={**part, "if-range": f"W/{tag}"})).status_code == 200
    assert (await client.get(address, headers={**part, "if-range": tag})).status_code == 206
    assert (await client.get(address, headers={**part, "if-range": '"other"'})).status_code == 200


async def test_there_is_no_content_before_it_is_made(client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    response = await client.get(f"/v1/videos/{job['id']}/content")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "content_not_ready")


async def test_a_failed_video_says_why_it_has_no_content(client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    await client.post(f"/v1/videos/{job['id']}/cancel")
    response = await client.get(f"/v1/videos/{job['id']}/content")
    assert "cancelled" in response.json()["error"]["message"]


async def test_a_file_that_is_gone_is_told(house: House, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    done = await house.complete(job["id"])
    await house.artifacts.delete(done.artifacts["video"])
    response = await client.get(f"/v1/videos/{job['id']}/content")
    assert (response.status_code, response.json()["error"]["code"]) == (410, "artifact_lost")
    response = await client.get(f"/v1/videos/{job['id']}/content?variant=spritesheet")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "content_gone")


async def test_a_repeat_of_a_lost_video_is_made_anew(house: House, client: httpx.AsyncClient) -> None:
    first = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
    done = await house.complete(first["id"])
    await house.artifacts.delete(done.artifacts["video"])
    again = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
    assert again["status"] == "queued"
    await house.complete(again["id"])
    assert (await client.get(f"/v1/videos/{again['id']}/content")).content == VIDEO


async def test_a_file_whose_time_is_over_says_so() -> None:
    house = House(artifact_retention_s=1.0)
    async with house.client() as client:
        made = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
        done = await house.complete(made["id"])
        await house.artifacts.delete(done.artifacts["video"])
        house.service._clock = lambda: time.time() + 5.0
        response = await client.get(f"/v1/videos/{made['id']}/content")
    assert (response.status_code, response.json()["error"]["code"]) == (410, "content_expired")


async def test_a_variant_that_is_none_is_refused(client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    response = await client.get(f"/v1/videos/{job['id']}/content?variant=../../etc/passwd")
    assert (response.status_code, response.json()["error"]["param"]) == (400, "variant")
