"""One stream of what happens to all of a caller's videos, over a real connection."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse

from app.api.routes import tenant_events
from app.jobs.events import BATCH
from app.service import tenant_events as story
from app.types import Caller
from tests.api.house import House
from tests.api.served import served
from tests.waiting import until

pytestmark = pytest.mark.anyio
PREVIEW = {"step": 1, "total_steps": 25, "width": 8, "height": 8, "image": "data:image/webp;base64,UklGRg=="}
KEYS = {"one": "key-one", "two": "key-two"}


class Stream:
    """The events of one connection, taken one by one."""

    def __init__(self, told: AsyncGenerator[ServerSentEvent, None]) -> None:
        self._told = told
        self.last: str | None = None

    async def next(self) -> tuple[str, str | None]:
        """The kind of the next event, and the video that it is of."""
        kind, data = await self.whole()
        return kind, data.get("video_id", data.get("id"))

    async def whole(self) -> tuple[str, dict[str, Any]]:
        with anyio.fail_after(10.0):
            event = await anext(self._told)
        self.last = event.id or self.last
        return event.event, json.loads(event.data)

    async def ended(self) -> bool:
        with anyio.fail_after(10.0):
            return await anext(self._told, None) is None


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with served(house) as server, httpx.AsyncClient(base_url=server.url, timeout=10.0) as opened:
        yield opened


@asynccontextmanager
async def follow(client: httpx.AsyncClient, last: str | None = None, **asked: Any) -> AsyncIterator[Stream]:
    headers = {"last-event-id": last} if last else {}
    async with aconnect_sse(client, "GET", "/v1/events", headers=headers | asked.pop("headers", {}), **asked) as source:
        assert source.response.status_code == 200
        told = source.aiter_sse()
        yield Stream(told)
        await told.aclose()


async def ask(client: httpx.AsyncClient, prompt: str, **more: Any) -> str:
    headers = more.pop("headers", {})
    made = (await client.post("/v1/videos", json={"prompt": prompt, **more}, headers=headers)).json()
    return str(made["id"])


async def test_one_connection_tells_of_every_video_whoever_asked_for_it(
    house: House, client: httpx.AsyncClient
) -> None:
    first = await ask(client, "a red ball")
    async with follow(client) as stream:
        kind, ready = await stream.whole()
        assert (kind, ready["whole"]) == ("ready", True)
        assert await stream.next() == ("snapshot", first)
        second = await ask(client, "a blue box")
        kind, snapshot = await stream.whole()
        assert (kind, snapshot["id"], snapshot["prompt"]) == ("snapshot", second, "a blue box")
        await house.complete(second)
        await house.run(first)
        told = [await stream.next() for _ in range(5)]
        assert told == [("phase", second), ("step", second), ("end", second), ("phase", first), ("step", first)]


async def test_who_comes_back_is_told_what_happened_meanwhile(house: House, client: httpx.AsyncClient) -> None:
    first = await ask(client, "a red ball")
    async with follow(client) as stream:
        assert [await stream.next() for _ in range(2)] == [("ready", None), ("snapshot", first)]
    second = await ask(client, "a blue box")
    await house.complete(first)
    for asked in (
        {"last": stream.last},
        {"params": {"after": stream.last}},
        {"params": {"last_event_id": stream.last}},
    ):
        async with follow(client, **asked) as again:
            assert (await again.whole())[1]["whole"] is True
            told = [await again.next() for _ in range(5)]
        kinds = [("snapshot", second), ("snapshot", first), ("phase", first), ("step", first), ("end", first)]
        assert told == kinds
    async with follow(client, again.last) as rest:
        assert await rest.next() == ("ready", None)
        await client.post(f"/v1/videos/{second}/cancel")
        assert [await rest.next() for _ in range(2)] == [("snapshot", second), ("end", second)]


async def test_a_log_that_does_not_reach_back_says_so_and_shows_what_is_under_way() -> None:
    house = House(told=10)
    async with served(house) as server, httpx.AsyncClient(base_url=server.url, timeout=10.0) as client:
        done, running = await ask(client, "a red ball"), await ask(client, "a blue box")
        async with follow(client) as stream:
            await stream.next()
        await house.complete(done)
        for step in range(20):
            await house.events.append(running, "step", 1.0, {"step": step, "total_steps": 25})
        async with follow(client, stream.last) as again:
            assert (await again.whole())[1]["whole"] is False
            assert await again.next() == ("snapshot", running)
            await house.run(running)
            assert [await again.next() for _ in range(2)] == [("phase", running), ("step", running)]


@pytest.mark.parametrize("last", ["nonsense", "9" * 30, "-1"])
async def test_an_id_that_is_none_begins_with_now(last: str, client: httpx.AsyncClient) -> None:
    async with follow(client, params={"after": last}) as stream:
        assert (await stream.whole())[1]["whole"] is True


async def test_a_video_that_is_there_at_once_is_shown_and_ended(house: House, client: httpx.AsyncClient) -> None:
    await house.complete(await ask(client, "a red ball"))
    async with follow(client) as stream:
        assert await stream.next() == ("ready", None)
        repeat = await ask(client, "a red ball")
        assert [await stream.next() for _ in range(2)] == [("snapshot", repeat), ("end", repeat)]


async def test_a_deleted_video_ends_as_deleted(house: House, client: httpx.AsyncClient) -> None:
    video = await ask(client, "a red ball")
    async with follow(client) as stream:
        await stream.next(), await stream.next()
        await client.delete(f"/v1/videos/{video}")
        kind, data = await stream.whole()
        assert (kind, data["video_id"], data["status"]) == ("end", video, "deleted")


async def test_one_that_waits_for_another_s_video_shows_its_steps_and_only_the_previews_it_wished_for(
    house: House, client: httpx.AsyncClient
) -> None:
    maker = await ask(client, "a red ball", preview=True)
    follower = await ask(client, "a red ball")
    async with follow(client) as stream:
        assert [await stream.next() for _ in range(3)] == [("ready", None), ("snapshot", maker), ("snapshot", follower)]
        await house.events.append(maker, "preview", 1.0, PREVIEW)
        await house.run(maker)
        assert await stream.next() == ("preview", maker)
        phases = [await stream.next() for _ in range(4)]
        assert sorted(phases) == sorted((kind, video) for kind in ("phase", "step") for video in (maker, follower))


async def test_tenants_never_hear_of_each_other() -> None:
    house = House(api_keys=KEYS)
    one, two = ({"authorization": f"Bearer {key}"} for key in KEYS.values())
    async with served(house) as server, httpx.AsyncClient(base_url=server.url, timeout=10.0) as client:
        assert (await client.get("/v1/events")).status_code == 401
        async with follow(client, headers=two) as stream:
            assert await stream.next() == ("ready", None)
            await house.complete(await ask(client, "a red ball", headers=one))
            mine = await ask(client, "a blue box", headers=two)
            assert await stream.next() == ("snapshot", mine)


async def test_a_follower_that_is_too_slow_is_told_that_it_missed_something() -> None:
    house = House(told=2 * BATCH)
    async with house.client() as client:
        video = await ask(client, "a red ball")
    told = house.service.follow_all(Caller())
    assert [(await anext(told)).kind for _ in range(2)] == ["ready", "snapshot"]
    for step in range(3 * BATCH):  # while it sleeps
        await house.events.append(video, "step", 1.0, {"step": step})
    assert [((news := await anext(told)).kind, news.data) for _ in range(2)] == [
        ("ready", {"whole": False}),
        ("snapshot", {}),
    ]
    await told.aclose()


async def test_a_connection_is_closed_after_many_events_and_goes_on_anew(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_events, "MOST_EVENTS", 3)
    video = await ask(client, "a red ball")
    async with follow(client) as stream:
        assert [await stream.next() for _ in range(2)] == [("ready", None), ("snapshot", video)]
        await house.run(video)
        assert await stream.next() == ("phase", video)
        assert await stream.ended()
    async with follow(client, stream.last) as again:
        assert [(await again.next())[0] for _ in range(3)] == ["ready", "snapshot", "step"]


async def test_a_quiet_connection_is_kept_alive(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenant_events, "PING_S", 0.05)
    monkeypatch.setattr(story, "BLOCK_S", 0.05)
    async with client.stream("GET", "/v1/events") as response:
        with anyio.fail_after(10.0):
            async for line in response.aiter_lines():
                if line.startswith(": ping"):
                    return
    raise AssertionError("closed")


async def test_a_look_at_the_headers_ends_at_once(client: httpx.AsyncClient) -> None:
    with anyio.fail_after(5.0):
        answer = await client.head("/v1/events")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_the_stream_is_in_the_document(client: httpx.AsyncClient) -> None:
    said = (await client.get("/openapi.json")).json()["paths"]["/v1/events"]["get"]
    assert "text/event-stream" in said["responses"]["200"]["content"]
    assert {each["name"] for each in said["parameters"]} == {"last-event-id", "after", "last_event_id"}


async def test_a_stream_outlives_waits_without_news(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story, "BLOCK_S", 0.01)
    read, waits = house.events.read_tenant, list[int]()

    async def counted(tenant: str, after: str, block_s: float) -> Any:
        found = await read(tenant, after, block_s)
        waits.append(len(found))
        return found

    monkeypatch.setattr(house.events, "read_tenant", counted)
    async with follow(client) as stream:
        assert (await stream.next())[0] == "ready"

        async def waited() -> bool:
            return waits.count(0) >= 3

        await until(waited)
        made = await ask(client, "a red ball")
        assert await stream.next() == ("snapshot", made)


async def test_a_storyboard_that_changes_is_told_beside_its_videos(house: House, client: httpx.AsyncClient) -> None:
    async with follow(client) as stream:
        assert (await stream.next())[0] == "ready"
        asked = {"scenes": [{"prompt": "a red ball"}]}
        story_id = (await client.post("/v1/storyboards", json=asked)).json()["id"]
        told = [await stream.whole() for _ in range(2)]
    kind, data = told[0]
    assert (kind, data["storyboard_id"], set(data)) == ("storyboard", story_id, {"storyboard_id", "phase", "at"})


async def test_storyboards_are_told_to_keys_of_that_scope_alone() -> None:
    house = House(api_keys={"boss": "b"}, operators=["boss"])
    async with served(house) as server, httpx.AsyncClient(base_url=server.url, timeout=10.0) as client:
        boss = {"authorization": "Bearer b"}
        wish = {"name": "a", "tenant": "boss", "scopes": ["videos:read"]}
        key = (await client.post("/v1/keys", json=wish, headers=boss)).json()["key"]
        async with follow(client, headers={"authorization": f"Bearer {key}"}) as stream:
            assert (await stream.next())[0] == "ready"
            await client.post("/v1/storyboards", json={"scenes": [{"prompt": "a red ball"}]}, headers=boss)
            kind, video_id = await stream.next()
    assert kind == "snapshot"
    assert str(video_id).startswith("video_")
