"""What happens to a storyboard, told as server-sent events and over a WebSocket: the same, as the document has it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx
import jsonschema
import pytest
from anyio.lowlevel import checkpoint
from httpx_sse import EventSource

from app.api.storyboard_events import story_feed
from app.types import Caller
from tests.api.house import House
from tests.api.served import served
from tests.api.socket import opened
from tests.api.test_storyboards import BOARDS, NOBODY, asked, break_scene, make
from tests.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture
def house() -> House:
    return House(clock=time.time)


async def by_sse(client: httpx.AsyncClient, story_id: str, last: str = "") -> list[dict[str, Any]]:
    headers = {"last-event-id": last} if last else {}
    async with client.stream("GET", f"{BOARDS}/{story_id}/events", headers=headers) as response:
        assert response.status_code == 200
        told = [each async for each in EventSource(response).aiter_sse()]
    return [{"event": each.event, "id": each.id or None, "data": json.loads(each.data)} for each in told]


async def test_a_film_is_followed_from_its_scenes_to_its_end(house: House) -> None:
    async with served(house) as server, httpx.AsyncClient(base_url=server.url, timeout=10) as client:
        story_id = (await asked(client))["id"]
        told: list[dict[str, Any]] = []
        async with client.stream("GET", f"{BOARDS}/{story_id}/events") as response:
            events = EventSource(response).aiter_sse()
            told.append(json.loads((await anext(events)).data))
            await make(house, story_id, 1)
            await make(house, story_id)
            kinds = [(each.event, json.loads(each.data)) async for each in events]
    assert (told[0]["id"], told[0]["status"]) == (story_id, "in_progress")
    made = [data["scene"]["number"] for kind, data in kinds if kind == "scene" and data["scene"]["stage"] == "made"]
    assert sorted(set(made)) == [1, 2, 3]
    assert [kind for kind, _ in kinds if kind == "end"] == ["end"]
    last, data = kinds[-1]
    assert (last, data["status"], data["url"]) == ("end", "completed", f"{server.url}{BOARDS}/{story_id}/content")


async def test_steps_of_a_scene_are_told_in_the_tree(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    async with opened(house.app, f"{BOARDS}/{story_id}/ws") as socket:
        whole = await socket.event()
        await house.run(whole["data"]["scenes"][1]["video_id"], step=3)
        scene = await socket.event()
    assert (whole["event"], scene["event"]) == ("snapshot", "scene")
    assert (scene["data"]["scene"]["number"], scene["data"]["scene"]["stage"]) == (2, "denoising")
    assert (scene["data"]["scene"]["step"], scene["data"]["scene"]["status"]) == (3, "in_progress")


async def test_who_has_been_told_the_end_is_told_nothing_until_it_is_changed(
    house: House, client: httpx.AsyncClient
) -> None:
    story_id = (await asked(client))["id"]
    await make(house, story_id)
    *_, end = await by_sse(client, story_id)
    place, last = f"{BOARDS}/{story_id}/events", {"last-event-id": end["id"]}
    assert (await client.get(place, headers=last)).status_code == 204
    assert (await client.get(place, params={"last_event_id": end["id"]})).status_code == 204
    await client.patch(f"{BOARDS}/{story_id}/scenes/1", json={"prompt": "a green ring"})
    await house.go_on(story_id)
    await make(house, story_id)
    assert (await by_sse(client, story_id, end["id"]))[-1]["data"]["status"] == "completed"


async def test_who_comes_back_is_told_what_was_missed(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    place = f"{BOARDS}/{story_id}/ws"
    async with opened(house.app, place) as socket:
        seen = await socket.event()
    await make(house, story_id, 2)
    async with opened(house.app, f"{place}?last_event_id={seen['id']}") as socket:
        whole = await socket.event()
    assert (whole["event"], whole["data"]["scenes"][1]["stage"]) == ("snapshot", "made")
    await make(house, story_id)
    assert [each["event"] for each in await by_sse(client, story_id, whole["id"])] == ["snapshot", "end"]


async def test_who_has_missed_nothing_is_told_what_happens_then(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    async with opened(house.app, f"{BOARDS}/{story_id}/ws") as socket:
        seen = (await socket.event())["id"]
    feed = await story_feed(house.boards, house.settings, "http://kinoray", story_id, Caller(), seen)
    first = asyncio.ensure_future(anext(feed))
    for _ in range(100):  # until it waits for what happens
        await checkpoint()
    await house.run((await house.storyboards.get(story_id)).scenes[0].job_ids[-1])
    told = await first
    await feed.aclose()
    assert (told.kind, dict(told.data)["scene"]["number"]) == ("scene", 1)  # type: ignore[index]


@pytest.mark.parametrize("last", ["nonsense", "-1", "0-0; drop", "9" * 40])
async def test_an_id_that_is_none_is_as_if_none_were_named(last: str, house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    await client.post(f"{BOARDS}/{story_id}/cancel")
    assert [each["event"] for each in await by_sse(client, story_id, last)] == ["snapshot", "end"]


async def test_both_streams_tell_the_same_and_as_the_document_has_it(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    await break_scene(house, story_id, 3)
    await make(house, story_id)
    told = await by_sse(client, story_id)
    async with opened(house.app, f"{BOARDS}/{story_id}/ws") as socket:
        over_socket, code = await socket.rest()
    assert (code, [each["event"] for each in over_socket]) == (1000, ["snapshot", "end"])
    assert [(each["event"], each["id"]) for each in told] == [(each["event"], each["id"]) for each in over_socket]
    assert (told[-1]["data"]["status"], told[-1]["data"]["error"]["scene"]) == ("failed", 3)
    page = house.app.openapi()
    for each in told:
        schema = {"$ref": "#/components/schemas/StoryboardEvent", "components": page["components"]}
        jsonschema.validate(each, schema)
        said = page["components"]["schemas"]["StoryboardEvent"]["properties"]["data"]["description"]
        own = dict(row.split(": ") for row in said.partition("event: ")[2].split(", "))[each["event"]]
        jsonschema.validate(each["data"], schema | {"$ref": f"#/components/schemas/{own}"})


async def test_a_deleted_storyboard_ends_its_streams(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    async with opened(house.app, f"{BOARDS}/{story_id}/ws") as socket:
        await socket.event()
        await client.delete(f"{BOARDS}/{story_id}")
        rest, code = await socket.rest()
    assert (rest[-1]["event"], code) == ("end", 1000)
    assert rest[-1]["data"]["status"] in ("deleted", "failed")  # it is cancelled first, which may be seen


async def test_a_client_of_the_socket_may_stop_it(house: House, client: httpx.AsyncClient) -> None:
    story_id = (await asked(client))["id"]
    async with opened(house.app, f"{BOARDS}/{story_id}/ws") as socket:
        await socket.event()
        socket.send({"type": "cancel"})
        rest, code = await socket.rest()
    assert (rest[-1]["data"]["error"]["code"], code) == ("cancelled", 1000)


async def test_a_socket_to_nothing_is_closed_with_4404(house: House) -> None:
    for story_id in (NOBODY, "x", "video_" + "0" * 32):
        async with opened(house.app, f"{BOARDS}/{story_id}/ws") as socket:
            (told,), code = await socket.rest()
        assert (told["event"], told["data"]["code"], code) == ("error", "storyboard_not_found", 4404)


async def test_a_socket_that_is_asked_for_as_a_page_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{BOARDS}/{NOBODY}/ws")
    assert (answer.status_code, answer.json()["error"]["code"]) == (426, "upgrade_required")
    assert f"{BOARDS}/{{id}}/events" in answer.json()["error"]["message"]


async def test_streams_of_storyboards_take_seats_too() -> None:
    house = House(max_followers=1, clock=time.time)
    async with served(house) as server, httpx.AsyncClient(base_url=server.url, timeout=10) as client:
        place = f"{BOARDS}/{(await asked(client))['id']}/events"
        async with client.stream("GET", place) as first:
            assert first.status_code == 200
            refused = await client.get(place)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many_followers")

        async def left() -> bool:
            return bool(house.app.state.followers.count == 0)

        await until(left)


@pytest.mark.parametrize("scopes", [["videos:read", "videos:write", "stats"], ["storyboards"]])
async def test_a_key_needs_the_scope_for_all_of_it(scopes: list[str]) -> None:
    house = House(api_keys={"boss": "b"}, operators=["boss"], clock=time.time)
    async with house.client() as client:
        operator = {"authorization": "Bearer b"}
        wish = {"name": "a", "tenant": "t", "scopes": scopes}
        made = await client.post("/v1/keys", json=wish, headers=operator)
        key = {"authorization": f"Bearer {made.json()['key']}"}
        answer = await client.get(BOARDS, headers=key)
        async with opened(house.app, f"{BOARDS}/{NOBODY}/ws", key) as socket:
            _, code = await socket.rest()
    may = "storyboards" in scopes
    assert (answer.status_code, code) == ((200, 4404) if may else (403, 4403))
