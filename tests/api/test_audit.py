"""The audit log: whatever changes something and whoever is turned away is in it, and no prompt and no key ever is."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.socket import opened
from tests.api.test_keys import BOSS, RED, bearer, made, operated

pytestmark = pytest.mark.anyio


async def told(client: httpx.AsyncClient, **wanted: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/audit", params={"order": "asc", **wanted}, headers=BOSS)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_who_did_what_to_which_id_is_written() -> None:
    async with operated().client() as client:
        key = await made(client)
        asked = await client.post("/v1/videos", json=RED, headers=bearer(key["key"]) | {"x-request-id": "mine-1"})
        video = asked.json()["id"]
        await client.delete(f"/v1/videos/{video}", headers=bearer(key["key"]))
        await client.post(f"/v1/keys/{key['id']}/revoke", headers=BOSS)
        entries = await told(client)
    assert [
        (each["action"], each["resource"], each["outcome"], each["tenant"], each["key_id"]) for each in entries
    ] == [
        ("POST /v1/keys", key["id"], "done", "boss", "settings:boss"),
        ("POST /v1/videos", video, "done", "ben", key["id"]),
        ("DELETE /v1/videos/{video_id}", video, "done", "ben", key["id"]),
        ("POST /v1/keys/{key_id}/revoke", key["id"], "done", "boss", "settings:boss"),
    ]
    assert entries[1]["request_id"] == "mine-1"
    assert entries[1]["address"] == "127.0.0.1"


async def test_who_is_turned_away_is_written_with_why() -> None:
    async with operated().client() as client:
        await client.get("/v1/videos", headers=bearer("wrong"))
        await client.get("/v1/audit", headers=bearer("a"))
        await client.post("/v1/videos", json={"promt": "x"}, headers=bearer("a"))
        entries = await told(client)
    assert [(each["action"], each["status"], each["code"], each["tenant"]) for each in entries] == [
        ("GET /v1/videos", 401, "invalid_api_key", None),
        ("GET /v1/audit", 403, "insufficient_scope", "ann"),
        ("POST /v1/videos", 400, "unknown_parameter", "ann"),
    ]


async def test_what_changes_nothing_is_not_written() -> None:
    async with operated().client() as client:
        for method, path in (("GET", "/v1/videos"), ("GET", "/health"), ("POST", "/api/optimization/analyze")):
            await client.request(method, path, headers=BOSS, json=RED if method == "POST" else None)
        assert await told(client) == []


async def test_neither_prompts_nor_keys_are_in_it() -> None:
    async with operated().client() as client:
        key = (await made(client))["key"]
        await client.post("/v1/videos", json={"prompt": "a hidden wish"}, headers=bearer(key))
        await client.delete(f"/v1/videos/{key}", headers=bearer("secret-guess"))
        log = (await client.get("/v1/audit", headers=BOSS)).text
    assert "hidden" not in log
    assert "secret-guess" not in log
    assert key.rpartition("_")[2] not in log


async def test_filters_and_pages_go_together() -> None:
    async with operated().client() as client:
        for number in range(7):
            await client.post("/v1/videos", json=RED, headers=bearer("a" if number % 2 else "b"))
        first = (await client.get("/v1/audit?tenant=boss&limit=3", headers=BOSS)).json()
        rest = (await client.get(f"/v1/audit?tenant=boss&limit=3&after={first['last_id']}", headers=BOSS)).json()
        assert {each["tenant"] for each in first["data"] + rest["data"]} == {"boss"}
        assert (len(first["data"]), first["has_more"], len(rest["data"]), rest["has_more"]) == (3, True, 1, False)
        assert len(await told(client, action="POST")) == 7
        assert await told(client, outcome="refused") == []
        assert await told(client, until=first["data"][-1]["at"] - 3600) == []
        assert (await client.get("/v1/audit?after=x", headers=BOSS)).status_code == 400


async def test_a_flood_of_strangers_pushes_nothing_out() -> None:
    house = operated(audit_most=200)
    async with house.client() as client:
        await client.post("/v1/videos", json=RED, headers=bearer("a"))
        for _ in range(250):
            await client.get("/v1/videos")
        entries = await told(client, limit=500)
    assert entries[0]["tenant"] == "ann"
    assert len(entries) == 121


async def test_a_cancel_over_a_websocket_is_written_and_a_reader_may_not() -> None:
    keyed = operated()
    async with keyed.client() as client:
        reader = (await made(client, scopes=["videos:read"], tenant="ann"))["key"]
        video = (await client.post("/v1/videos", json=RED, headers=bearer("a"))).json()["id"]
        for text, code in ((reader, "insufficient_scope"), ("a", None)):
            async with opened(keyed.app, f"/v1/videos/{video}/ws", bearer(text)) as socket:
                socket.send({"type": "cancel"})
                event = await socket.event()
                while event["event"] not in ("error", "end"):
                    event = await socket.event()
            assert code in (None, event["data"].get("code"))
        entries = await told(client, action="WS")
    assert [(each["outcome"], each["code"], each["resource"]) for each in entries] == [
        ("refused", "insufficient_scope", video),
        ("done", None, video),
    ]
