"""Addresses in answers are whole, and are those under which the client reaches the service."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest
from pydantic import ValidationError

from app.api.public_url import public_url
from app.settings import Settings
from tests.api.house import MODEL, PICTURES, VIDEO, House
from tests.api.socket import opened

pytestmark = pytest.mark.anyio

RED = {"prompt": "a red ball"}
PROXY, INNER = "10.0.0.7", "10.0.0.8"
TRUST: dict[str, Any] = {"trusted_proxies": ["10.0.0.0/8", "::1"]}

# headers, the peer, what the address then is
FORWARDED: dict[str, tuple[dict[str, str], str, str]] = {
    "nothing": ({}, PROXY, "http://kinoray:8000"),
    "nginx": (
        {"x-forwarded-proto": "https", "x-forwarded-host": "v.example.com", "x-forwarded-for": "8.8.8.8"},
        PROXY,
        "https://v.example.com",
    ),
    "only the scheme": ({"x-forwarded-proto": "https"}, PROXY, "https://kinoray:8000"),
    "a port of its own": (
        {"x-forwarded-proto": "https", "x-forwarded-host": "v.example.com", "x-forwarded-port": "8443"},
        PROXY,
        "https://v.example.com:8443",
    ),
    "the usual port": (
        {"x-forwarded-proto": "https", "x-forwarded-host": "v.example.com", "x-forwarded-port": "443"},
        PROXY,
        "https://v.example.com",
    ),
    "a path": (
        {"x-forwarded-host": "v.example.com", "x-forwarded-prefix": "/kinoray/"},
        PROXY,
        "http://v.example.com/kinoray",
    ),
    "RFC 7239": (
        {"forwarded": 'for="[2001:db8::1]:99";proto=https;host="v.example.com:99"'},
        PROXY,
        "https://v.example.com:99",
    ),
    "two proxies that append": (
        {
            "x-forwarded-for": f"6.6.6.6, 8.8.8.8, {INNER}",
            "x-forwarded-proto": "ftp, https, http",
            "x-forwarded-host": "evil.example, v.example.com, inner",
        },
        PROXY,
        "https://v.example.com",
    ),
    "two proxies by RFC 7239": (
        {"forwarded": f"for=6.6.6.6;host=evil.example, for=8.8.8.8;host=v.example;proto=https, for={INNER};host=in"},
        PROXY,
        "https://v.example",
    ),
    "what a client put in front": (
        {"x-forwarded-for": "6.6.6.6, 8.8.8.8", "x-forwarded-host": "evil.example, v.example.com"},
        PROXY,
        "http://v.example.com",
    ),
    "a stranger": (
        {"x-forwarded-proto": "https", "x-forwarded-host": "evil.example"},
        "8.8.8.8",
        "http://kinoray:8000",
    ),
    "a host that is none": ({"x-forwarded-host": 'a"><script>'}, PROXY, "http://kinoray:8000"),
    "a path that is none": ({"x-forwarded-prefix": "//evil.example"}, PROXY, "http://kinoray:8000"),
    "IPv6": ({"x-forwarded-proto": "https"}, "::1", "https://kinoray:8000"),
    "IPv4 in IPv6": ({"x-forwarded-proto": "https"}, f"::ffff:{PROXY}", "https://kinoray:8000"),
}


def scope_of(headers: dict[str, str], peer: str, **more: Any) -> dict[str, Any]:
    told = {"host": "kinoray:8000"} | headers
    raw = [(name.encode(), value.encode()) for name, value in told.items()]
    return {"type": "http", "scheme": "http", "headers": raw, "client": (peer, 5), "server": ("0.0.0.0", 80)} | more


@pytest.mark.parametrize("case", FORWARDED)
def test_only_what_trusted_proxies_say_is_believed(case: str) -> None:
    headers, peer, address = FORWARDED[case]
    assert public_url(Settings(**TRUST), scope_of(headers, peer)) == address


def test_nobody_is_trusted_unless_named() -> None:
    headers = {"x-forwarded-proto": "https", "forwarded": "host=evil.example"}
    assert public_url(Settings(), scope_of(headers, "127.0.0.1")) == "http://kinoray:8000"
    assert public_url(Settings(trusted_proxies=["*"]), scope_of(headers, "8.8.8.8")) == "http://evil.example"


def test_a_host_that_could_be_no_part_of_an_address_is_not_repeated() -> None:
    assert public_url(Settings(), scope_of({"host": "a b/<x>"}, PROXY)) == "http://0.0.0.0:80"
    assert public_url(Settings(), scope_of({"host": "[::1]:80"}, PROXY, scheme="wss")) == "https://[::1]:80"


@pytest.mark.parametrize("bad", ["ftp://a", "a.example", "https://", "https://a?b=1", "https://me:pw@a"])
def test_a_public_address_that_is_none_is_refused_at_the_start(bad: str) -> None:
    with pytest.raises(ValidationError, match="http"):
        Settings(public_url=bad)


def test_a_proxy_that_is_no_address_is_refused_at_the_start() -> None:
    with pytest.raises(ValidationError, match="neither an address"):
        Settings(trusted_proxies=["nginx"])


async def test_a_video_says_where_its_file_is_as_soon_as_there_is_one(house: House, client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/videos", json=RED)).json()
    assert made["url"] is None
    await house.complete(made["id"])
    again = (await client.post("/v1/videos", json=RED)).json()
    for answer in (await client.get(f"/v1/videos/{made['id']}")).json(), again:
        assert answer["url"] == f"http://kinoray/v1/videos/{answer['id']}/content"
        assert (await client.get(answer["url"])).content == VIDEO
    assert (await client.get("/v1/videos")).json()["data"][-1]["url"].startswith("http://kinoray/v1/")


async def test_what_failed_or_was_kept_long_enough_has_no_file_to_fetch() -> None:
    house = House(artifact_retention_s=1e-6)
    async with house.client() as client:
        first, second = [(await client.post("/v1/videos", json=RED | {"seed": seed})).json()["id"] for seed in (1, 2)]
        await house.complete(first)
        await client.post(f"/v1/videos/{second}/cancel")
        assert [video["url"] for video in (await client.get("/v1/videos")).json()["data"]] == [None, None]


async def test_the_public_address_is_in_answers_events_sockets_and_redirects() -> None:
    house = House(public_url="https://video.example.com/kinoray/")
    async with house.client() as client:
        video = (await client.post("/v1/videos", json=RED)).json()["id"]
        await house.complete(video)
        address = f"https://video.example.com/kinoray/v1/videos/{video}/content"
        assert (await client.get(f"/v1/videos/{video}")).json()["url"] == address
        assert address in (await client.get(f"/v1/videos/{video}/events")).text
        moved = await client.get("/v1/videos/?limit=1")
    assert (moved.status_code, moved.headers["location"]) == (
        307,
        "https://video.example.com/kinoray/v1/videos?limit=1",
    )
    async with opened(house.app, f"/v1/videos/{video}/ws") as socket:
        assert (await socket.event())["data"]["url"] == address


async def test_the_address_of_a_picture_is_public_too() -> None:
    house = House(models=(MODEL, PICTURES), public_url="https://p.example")

    async def make() -> None:
        assert await house.jobs.wait_for_work(5.0)
        await house.complete((await house.jobs.waiting())[0].id)

    async with house.client() as client, anyio.create_task_group() as group:
        group.start_soon(make)
        body = RED | {"model": "stills", "response_format": "url", "size": "64x64"}
        answer = await client.post("/v1/images/generations", json=body)
    (picture,) = answer.json()["data"]
    assert picture["url"] == f"https://p.example/v1/videos/{picture['id']}/content?variant=png"


async def test_figures_that_clients_compute_with_are_always_numbers(house: House, client: httpx.AsyncClient) -> None:
    figures = ("inference_time_s", "device_seconds", "cost", "energy_wh", "peak_memory_mb", "promised_s")
    first = (await client.post("/v1/videos", json=RED)).json()
    await house.complete(first["id"])
    again = (await client.post("/v1/videos", json=RED)).json()
    assert again["cache"]["hit"]
    for video in (first, again):
        assert [type(video[name]) for name in figures] == [float] * len(figures)
        planned = video["optimization"]
        assert sum(planned[name] for name in planned if name.startswith("estimated_")) > 0
    assert [again[name] for name in (*figures, "eta_s")] == [0.0] * 7
    stats = (await client.get("/api/stats")).json()
    assert all(
        isinstance(value, (int, float)) for level in stats["cache_stats"]["levels"].values() for value in level.values()
    )
    assert isinstance(stats["cache_stats"]["hit_rate"], float)
