"""Favourites, tags and search over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.service import search
from tests.api.house import House

pytestmark = pytest.mark.anyio


async def asked(client: httpx.AsyncClient, *prompts: str) -> list[str]:
    return [(await client.post("/v1/videos", json={"prompt": each})).json()["id"] for each in prompts]


async def listed(client: httpx.AsyncClient, **params: Any) -> list[str]:
    answer = await client.get("/v1/videos", params=params)
    assert answer.status_code == 200, answer.text
    return [video["id"] for video in answer.json()["data"]]


async def test_a_video_is_marked_found_and_unmarked(client: httpx.AsyncClient) -> None:
    ball, box = await asked(client, "a red ball", "a blue box")
    fresh = (await client.get(f"/v1/videos/{ball}")).json()
    assert (fresh["favourite"], fresh["tags"]) == (False, [])
    told = (await client.patch(f"/v1/videos/{ball}", json={"favourite": True, "tags": [" to  show", "launch"]})).json()
    assert (told["favourite"], told["tags"]) == (True, ["to show", "launch"])
    assert (await client.get(f"/v1/videos/{ball}")).json()["tags"] == ["to show", "launch"]
    await client.patch(f"/v1/videos/{box}", data={"tags": "launch"})
    assert await listed(client, favourite="true") == [ball]
    assert await listed(client, tag="launch") == [box, ball]
    assert await listed(client, tag=["launch", "to show"]) == [ball]
    assert await listed(client, tag="launch", limit=1, after=box) == [ball]
    assert (await client.get("/v1/tags")).json()["data"] == [
        {"tag": "launch", "videos": 2},
        {"tag": "to show", "videos": 1},
    ]
    await client.patch(f"/v1/videos/{ball}", data={"favourite": "false", "tags": ""})
    assert await listed(client, favourite="true") == []
    assert (await client.get("/v1/tags")).json()["data"] == [{"tag": "launch", "videos": 1}]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "priority"),
        ({"favourite": 1}, "favourite"),
        ({"tags": "x"}, "tags"),
        ({"tags": ["x"] * 21}, "tags"),
        ({"tags": ["\u202e"]}, "tags"),
        ({"tags": ["x" * 41]}, "tags"),
        ({"prompt": "x"}, "prompt"),
    ],
)
async def test_a_wrong_change_is_refused(body: Any, param: str | None, client: httpx.AsyncClient) -> None:
    (video,) = await asked(client, "a red ball")
    answer = await client.patch(f"/v1/videos/{video}", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_nobody_marks_anothers() -> None:
    house = House(api_keys={"one": "1" * 20, "two": "2" * 20})
    keys = [{"authorization": f"Bearer {each * 20}"} for each in "12"]
    async with house.client(headers=keys[0]) as one, house.client(headers=keys[1]) as two:
        (video,) = await asked(one, "a red ball")
        await one.patch(f"/v1/videos/{video}", json={"favourite": True, "tags": ["mine"]})
        refused = await two.patch(f"/v1/videos/{video}", json={"favourite": True})
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "video_not_found")
        assert await listed(two, tag="mine") == await listed(two, search="red") == []
        assert (await two.get("/v1/tags")).json()["data"] == []


async def test_a_search_finds_words_first_then_meaning(house: House, client: httpx.AsyncClient) -> None:
    ball, box, far, near = await asked(
        client, "a red ball rolls", "a blue box", "waves of the sea", "one large red ball bounces"
    )
    await client.patch(f"/v1/videos/{box}", json={"tags": ["balls of fire"]})
    assert await listed(client, search="BALL red") == [near, ball]
    assert await listed(client, search="ball") == [near, box, ball]
    meant = await listed(client, search="a red ball is rolling")  # no prompt has all of these words
    assert meant[0] == ball
    assert far not in meant
    assert await listed(client, search="ball", tag="balls of fire") == [box]
    assert await listed(client, search="zebra") == []
    assert len(await listed(client, search="ball", limit=2)) == 2
    for wrong in ({"after": ball}, {"order": "asc"}, {"search": "x" * (search.MOST_WORDS_CHARS + 1)}):
        assert (await client.get("/v1/videos", params={"search": "ball", **wrong})).status_code == 400
