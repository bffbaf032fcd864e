"""Who gets in: keys, sizes, request ids, and what happens when something breaks inside."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from app.api.app import create_app
from tests.api.house import House
from tests.logs.recorded import recorded

pytestmark = pytest.mark.anyio

KEYS = {"ann": "key-a", "ben": "key-b"}
RED = {"prompt": "a red ball"}


def key(value: str) -> dict[str, str]:
    return {"authorization": f"Bearer {value}"}


async def test_without_keys_anything_is_accepted(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/videos", json=RED, headers=key("whatever"))).status_code == 200


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic key-a", "key-a", "Bearer kéy"]
)
async def test_without_a_valid_key_nothing_is_told(header: str | None) -> None:
    house = House(api_keys=KEYS)
    headers = {} if header is None else {b"authorization": header.encode()}
    async with house.client() as client:
        for method, address in (("POST", "/v1/videos"), ("GET", "/v1/models"), ("GET", "/api/stats")):
            response = await client.request(method, address, headers=headers)
            assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")
            assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "address", ["/health", "/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json", "/"]
)
async def test_probes_and_documentation_need_no_key(address: str) -> None:
    async with House(api_keys=KEYS).client() as client:
        assert (await client.get(address)).status_code < 400


async def test_tenants_never_see_each_others_videos() -> None:
    house = House(api_keys=KEYS)
    async with house.client(headers=key("key-a")) as ann, house.client(headers=key("key-b")) as ben:
        made = (await ann.post("/v1/videos", json=RED)).json()["id"]
        assert (await ann.get(f"/v1/videos/{made}")).status_code == 200
        for method, place in (
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/cancel"),
            ("GET", "/content"),
            ("GET", "/events"),
        ):
            assert (await ben.request(method, f"/v1/videos/{made}{place}")).status_code == 404
        assert (await ben.get("/v1/videos")).json()["data"] == []
        assert (await ben.get(f"/v1/videos?after={made}")).status_code == 404
    assert await house.count("ann") == 1


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"a" * 1000


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain"])
async def test_a_declared_large_body_is_refused_unread(kind: str) -> None:
    async with House(max_body_bytes=10_000).client() as client:
        headers = {"content-type": kind, "content-length": str(10**9)}
        response = await client.post("/v1/videos", content=chunks(1), headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "payload_too_large")
    assert response.headers["x-request-id"]


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
async def test_an_endless_body_is_refused_while_it_comes_in(kind: str) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b"a" * 1000

    async with House(max_body_bytes=10_000).client() as client:
        response = await client.post("/v1/videos", content=endless(), headers={"content-type": kind})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "payload_too_large")
    assert sent <= 11


async def test_a_length_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/videos", content=b"{}", headers={"content-length": "-5"})
    assert response.status_code == 400


@pytest.mark.parametrize(("given", "kept"), [("abc-1", True), ("a b", False), ("x" * 200, False), ("", False)])
async def test_a_request_id_is_echoed_if_it_is_sane(given: str, kept: bool, client: httpx.AsyncClient) -> None:
    answered = (await client.get("/health", headers={"x-request-id": given})).headers["x-request-id"]
    assert answered == given if kept else answered.startswith("req_")


async def test_behind_a_proxy_that_names_requests_the_header_is_not_added_again(house: House) -> None:
    app = create_app(house.service, house.settings, {}, proxy_adds_request_id=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kinoray") as client:
        answer = await client.get("/health", headers={"x-request-id": "abc-1"})
    assert "x-request-id" not in answer.headers
    assert "total;dur=" in answer.headers["server-timing"]


async def test_what_nobody_expected_becomes_a_plain_500(house: House, client: httpx.AsyncClient) -> None:
    async def burst(*_: object) -> None:
        raise ZeroDivisionError("a secret detail")

    house.jobs.get = burst  # type: ignore[assignment]
    with recorded() as log:
        response = await client.get("/v1/videos/video_0123456789abcdef")
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["type"]) == (500, "internal_error", "server_error")
    assert "secret" not in response.text
    assert response.headers["x-request-id"] in error["message"]
    assert response.headers["x-request-id"] in {line.get("request") for line in log.lines if line["level"] == "error"}
