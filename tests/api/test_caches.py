"""Clearing the caches, and what the modes and tenants of a request mean to them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.house import House

pytestmark = pytest.mark.anyio

ASKED = {"prompt": "a red ball", "seed": 3}


async def create(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = (await client.post("/v1/videos", json={**ASKED, **more})).json()
    return body


async def test_a_level_is_cleared_and_then_all() -> None:
    house = House()
    for level, key in (("results", "a"), ("results", "b"), ("embeddings", "c")):
        await house.cache.put(level, key, b"x", 60.0)
    async with house.client() as client:
        one = await client.delete("/api/cache", params={"level": "results"})
        assert one.json() == {"object": "cache.cleared", "level": "results", "removed": 2}
        assert (await client.delete("/api/cache")).json()["removed"] == 1
        wrong = await client.delete("/api/cache", params={"level": "jobs"})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "level")


async def test_only_operators_clear_where_there_are_keys() -> None:
    house = House(api_keys={"ann": "a", "boss": "b"}, operators=["boss"])
    await house.cache.put("results", "a", b"x", 60.0)
    async with house.client() as client:
        for key, status in (("a", 403), ("wrong", 401), ("b", 200)):
            answer = await client.delete("/api/cache", headers={"authorization": f"Bearer {key}"})
            assert answer.status_code == status, answer.text
            assert status != 403 or answer.json()["error"]["code"] == "insufficient_scope"


async def test_a_video_made_past_the_cache_neither_comes_from_it_nor_goes_there() -> None:
    house = House()
    async with house.client() as client:
        first = await create(client, cache={"mode": "bypass"})
        await house.complete(first["id"])
        again = await create(client)
        assert again["status"] == "queued"
        await house.complete(again["id"])
        assert (await create(client))["status"] == "completed"
        assert (await create(client, cache={"mode": "bypass"}))["status"] == "queued"
        refused = await client.post("/v1/videos", json={**ASKED, "cache": {"mode": "sometimes"}})
        assert refused.status_code == 400


async def test_another_tenants_video_is_as_unknown_as_one_that_nobody_made() -> None:
    house = House(api_keys={"ann": "a", "bob": "b"})
    async with house.client(headers={"authorization": "Bearer a"}) as ann:
        await house.complete((await create(ann))["id"])
        assert (await create(ann))["status"] == "completed"
    async with house.client(headers={"authorization": "Bearer b"}) as bob:
        before = (await house.cache.figures())["results"]
        assert (await create(bob))["status"] == "queued"
        assert (await create(bob, prompt="a blue box"))["status"] == "queued"
        after = (await house.cache.figures())["results"]
    assert (after.hits, after.misses - before.misses, after.entries) == (before.hits, 2, before.entries)


@pytest.mark.parametrize(("shared", "status"), [(True, "completed"), (False, "queued")])
async def test_tenants_are_given_each_others_videos_only_where_a_setting_says_so(shared: bool, status: str) -> None:
    house = House(api_keys={"ann": "a", "bob": "b"}, share_results=shared)
    async with house.client() as client:
        client.headers["authorization"] = "Bearer a"
        await house.complete((await create(client))["id"])
        client.headers["authorization"] = "Bearer b"
        assert (await create(client))["status"] == status
