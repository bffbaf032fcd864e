"""Pages of other sites: kept out without keys, let in by setting; programs, which send no origin, never notice."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from app.settings import Settings
from tests.api.house import House
from tests.api.socket import Socket, opened

pytestmark = pytest.mark.anyio

APP = "https://app.example"
RED = {"prompt": "a red ball"}
FOREIGN = {
    "a form of another site": {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    "a form of a sibling": {"origin": "https://blog.kinoray", "sec-fetch-site": "same-site"},
    "another site, of a browser that says no more": {"origin": "https://evil.example"},
    "another port of this host": {"origin": "http://kinoray:8080"},
    "a sandboxed frame": {"origin": "null"},
    "a cross-site request without an origin": {"sec-fetch-site": "cross-site"},
    "an origin that is none": {"origin": "http://[bad"},
    "nothing for an origin": {"origin": ""},
    "a name that begins alike": {"origin": "http://kinoray.evil.example"},
    "a site that is allowed elsewhere": {"origin": APP, "sec-fetch-site": "cross-site"},
}
OWN: dict[str, dict[str, str]] = {
    "a program": {},
    "the page itself": {"origin": "http://kinoray", "sec-fetch-site": "same-origin"},
    "the page, of a browser that says no more": {"origin": "http://kinoray"},
    "the page behind a proxy that speaks TLS": {"origin": "https://kinoray", "sec-fetch-site": "same-origin"},
    "the page behind a proxy that has another name": {"origin": "http://video.lan", "x-forwarded-host": "video.lan"},
    "the user's own doing": {"sec-fetch-site": "none"},
    "a port that need not be said": {"origin": "https://kinoray:443"},
}
WAYS: tuple[dict[str, Any], ...] = (
    {"data": RED},
    {"files": {"prompt": (None, "a red ball")}},
    {"content": b'{"prompt": "a red ball"}', "headers": {"content-type": "text/plain"}},
    {"json": RED},
)


async def posted(client: httpx.AsyncClient, who: dict[str, str], **body: Any) -> httpx.Response:
    return await client.post("/v1/videos", **{**body, "headers": who | body.get("headers", {})})


@pytest.mark.parametrize("who", FOREIGN)
async def test_without_keys_a_page_of_another_site_may_change_nothing(
    house: House, client: httpx.AsyncClient, job: dict[str, Any], who: str
) -> None:
    for way in WAYS:
        answer = await posted(client, FOREIGN[who], **way)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_origin")
    for method, path in (("POST", f"/v1/videos/{job['id']}/cancel"), ("DELETE", "/api/cache")):
        assert (await client.request(method, path, headers=FOREIGN[who])).status_code == 403
    assert await house.count() == 1


@pytest.mark.parametrize("who", FOREIGN)
async def test_without_keys_a_socket_of_another_site_is_not_accepted(
    house: House, job: dict[str, Any], who: str
) -> None:
    headers = {"host": "kinoray", **FOREIGN[who]}
    socket = Socket(house.app, f"/v1/videos/{job['id']}/ws", headers, [])
    socket.connect()
    assert await socket.rest() == ([], 4403)
    await asyncio.wait([socket.task])


@pytest.mark.parametrize("who", OWN)
async def test_the_own_page_and_programs_go_on_as_ever(
    house: House, client: httpx.AsyncClient, job: dict[str, Any], who: str
) -> None:
    assert (await posted(client, OWN[who], json=RED)).status_code == 200
    async with opened(house.app, f"/v1/videos/{job['id']}/ws", {"host": "kinoray", **OWN[who]}) as socket:
        assert (await socket.event())["event"] == "snapshot"


async def test_reading_is_left_to_the_browser_which_shows_no_other_site_the_answer(client: httpx.AsyncClient) -> None:
    for headers in FOREIGN.values():
        answer = await client.get("/v1/videos", headers=headers)
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_with_keys_the_key_decides() -> None:
    async with House(api_keys={"ann": "a"}).client() as client:
        for headers in FOREIGN.values():
            assert (await posted(client, headers, json=RED)).status_code == 401
            assert (await posted(client, headers | {"authorization": "Bearer a"}, json=RED)).status_code == 200


@pytest.mark.parametrize("keys", [{}, {"ann": "a"}])
async def test_an_origin_that_is_allowed_may_do_all_and_read_the_answers(keys: dict[str, str]) -> None:
    house = House(api_keys=keys, cors_origins=["https://App.example/"])
    page = {"origin": APP, "sec-fetch-site": "cross-site"}
    asks = {"access-control-request-method": "DELETE", "access-control-request-headers": "authorization, x-own"}
    async with house.client() as client:
        preflight = await client.options("/v1/videos", headers=page | asks)
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, APP)
        assert "DELETE" in preflight.headers["access-control-allow-methods"]
        assert {"authorization", "x-own"} <= set(preflight.headers["access-control-allow-headers"].split(", "))
        made = await posted(client, page | {"authorization": "Bearer a"}, json=RED)
        assert (made.status_code, made.headers["access-control-allow-origin"]) == (200, APP)
        assert made.headers["access-control-expose-headers"] == "*"
        wrong = await posted(client, page | {"authorization": "Bearer a"}, json={})
        assert (wrong.status_code, wrong.headers["access-control-allow-origin"]) == (400, APP)
        other = page | {"origin": "https://evil.example"}
        assert "access-control-allow-origin" not in (await client.get("/v1/models", headers=other)).headers
        assert (await client.options("/v1/videos", headers=other | asks)).status_code == 400
        if not keys:
            assert (await posted(client, other, json=RED)).status_code == 403
    socket_headers = {"host": "kinoray", "authorization": "Bearer a", **page}
    async with opened(house.app, f"/v1/videos/{made.json()['id']}/ws", socket_headers) as socket:
        assert (await socket.event())["event"] == "snapshot"


@pytest.mark.parametrize("coding", ["gzip", "identity", "gzip;q=0"])
async def test_an_answer_is_compressed_across_origins_too_and_caches_hear_of_both(coding: str) -> None:
    async with House(cors_origins=[APP]).client() as client:
        for seed in range(9):
            await client.post("/v1/videos", json=RED | {"seed": seed})
        answer = await client.get("/v1/videos", headers={"origin": APP, "accept-encoding": coding})
    assert answer.headers.get("content-encoding") == ("gzip" if coding == "gzip" else None)
    assert len(answer.json()["data"]) == 9
    assert answer.headers["access-control-allow-origin"] == APP
    assert {"accept-encoding", "origin"} <= {each.strip().lower() for each in answer.headers["vary"].split(",")}


async def test_what_is_refused_on_the_way_in_tells_an_allowed_page_why() -> None:
    async with House(cors_origins=[APP], max_body_bytes=2_000).client() as client:
        for body, status in ((b"x" * 9_000, 413), (b"no gzip", 400)):
            headers = {"origin": APP, "content-encoding": "gzip" if status == 400 else "identity"}
            answer = await client.post("/v1/videos", content=body, headers=headers)
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, APP)


async def test_a_star_lets_everyone_in() -> None:
    async with House(cors_origins=["*"]).client() as client:
        for headers in FOREIGN.values():
            assert (await posted(client, headers, json=RED)).status_code == 200
        answer = await client.get("/v1/videos", headers={"origin": APP})
        assert answer.headers["access-control-allow-origin"] == "*"


async def test_off_is_off(client: httpx.AsyncClient) -> None:
    asks = {"origin": APP, "access-control-request-method": "POST"}
    answer = await client.options("/v1/videos", headers=asks)
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("origin", ["app.example", "https://", "https://a/b", "https://a?b", "https://u@a", "null", ""])
def test_what_is_no_origin_is_refused_at_the_start(origin: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        Settings(cors_origins=[origin])


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://[::1]:8443", "tauri://localhost", "*"])
def test_what_is_one_is_taken(origin: str) -> None:
    assert Settings(cors_origins=[origin]).cors_origins == [origin]
