"""The same video asked for many times at once over HTTP: one is made, all are answered."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from anyio.lowlevel import checkpoint
from httpx_sse import EventSource

from app.cache.keys import plan_digest
from app.types import Caller, Phase
from tests.api.house import VIDEO, House

pytestmark = pytest.mark.anyio
WISH = {"prompt": "a red ball"}


async def ask(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/videos", json=WISH | more)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def look(client: httpx.AsyncClient, video_id: str) -> dict[str, Any]:
    seen: dict[str, Any] = (await client.get(f"/v1/videos/{video_id}")).json()
    return seen


async def line(house: House) -> list[str]:
    return [job.id for job in await house.jobs.waiting()]


async def test_two_hundred_at_once_are_one_generation(house: House, client: httpx.AsyncClient) -> None:
    videos = await asyncio.gather(*(ask(client) for _ in range(200)))
    assert len({video["id"] for video in videos}) == 200
    (leader,) = await line(house)
    await house.complete(leader)
    ended = [await look(client, video["id"]) for video in videos]
    assert {video["status"] for video in ended} == {"completed"}
    assert sum(video["attempts"] for video in ended) == 1
    kinds = [video["cache"]["kind"] for video in ended]
    assert (kinds.count("flight"), kinds.count("none")) == (199, 1)
    assert (await client.get(f"{ended[-1]['url']}")).content == VIDEO
    stats = (await client.get("/api/stats")).json()
    assert (stats["jobs"]["created"], stats["cache_stats"]["levels"]["flight"]["hits"]) == (200, 199)
    assert stats["cache_stats"]["levels"]["results"]["misses"] == 1


async def test_a_follower_shows_how_far_its_leader_is(house: House, client: httpx.AsyncClient) -> None:
    first, second = await ask(client), await ask(client)
    assert (second["status"], second["queue_position"]) == ("queued", first["queue_position"])
    await house.run(first["id"], step=3)
    seen = await look(client, second["id"])
    assert (seen["status"], seen["phase"], seen["step"], seen["eta_s"]) == ("in_progress", "denoising", 3, 4.0)
    assert seen["id"] == second["id"]


async def test_a_follower_is_told_its_leaders_steps_and_its_own_end(house: House, client: httpx.AsyncClient) -> None:
    first, second = await ask(client), await ask(client)
    await house.events.append(first["id"], "queue", 1.0, {"position": 0})
    story = house.service.follow(second["id"], Caller())
    events = [await anext(story)]
    await house.complete(first["id"])
    events += [event async for event in story]
    assert [event.kind for event in events] == ["queue", "phase", "step", "end"]
    assert {event.job_id for event in events} == {second["id"]}
    assert events[-1].data == {"status": "completed"}
    assert [event.id for event in events] == sorted((event.id for event in events), key=lambda each: int(each[:-2]))


async def test_the_story_goes_on_with_the_next_leader(house: House, client: httpx.AsyncClient) -> None:
    first, second, third = [await ask(client) for _ in range(3)]
    await house.events.append(first["id"], "queue", 1.0, {"position": 0})
    story = house.service.follow(third["id"], Caller())
    events = [await anext(story)]
    leader = await house.jobs.get(first["id"])
    await client.post(f"/v1/videos/{first['id']}/cancel")
    await house.resolve(leader)
    await house.run(second["id"], step=3)
    events += [await anext(story), await anext(story)]
    assert [event.kind for event in events] == ["queue", "phase", "step"]
    await client.delete(f"/v1/videos/{third['id']}")
    assert [event.kind async for event in story] == ["end"]


async def test_the_events_of_a_follower_can_be_streamed(house: House, client: httpx.AsyncClient) -> None:
    first, second = await ask(client), await ask(client)
    await house.complete(first["id"])
    async with client.stream("GET", f"/v1/videos/{second['id']}/events") as response:
        events = [each async for each in EventSource(response).aiter_sse()]
    assert [each.event for each in events] == ["snapshot", "end"]
    assert json.loads(events[0].data)["status"] == "completed"


async def test_a_followers_cancel_stops_only_itself(house: House, client: httpx.AsyncClient) -> None:
    first, second, third = [await ask(client) for _ in range(3)]
    cancelled = (await client.post(f"/v1/videos/{second['id']}/cancel")).json()
    assert (cancelled["status"], cancelled["error"]["code"]) == ("failed", "cancelled")
    await client.delete(f"/v1/videos/{third['id']}")
    await house.complete(first["id"])
    assert (await look(client, first["id"]))["status"] == "completed"
    assert (await look(client, second["id"]))["status"] == "failed"
    assert (await look(client, third["id"]))["error"]["code"] == "video_not_found"


@pytest.mark.parametrize("way", ["cancel", "delete"])
async def test_the_next_leads_when_the_leader_is_sent_away(way: str, house: House, client: httpx.AsyncClient) -> None:
    first, second, third = [await ask(client) for _ in range(3)]
    leader = await house.jobs.get(first["id"])
    if way == "cancel":
        await client.post(f"/v1/videos/{first['id']}/cancel")
    else:
        await client.delete(f"/v1/videos/{first['id']}")
    await house.resolve(leader)
    assert await line(house) == [second["id"]]
    await house.complete(second["id"])
    assert (await look(client, third["id"]))["cache"]["kind"] == "flight"


async def test_one_that_comes_between_the_end_and_the_cache_is_answered_at_once(
    house: House, client: httpx.AsyncClient
) -> None:
    made = await house.complete((await ask(client))["id"])
    await house.cache.drop("results", plan_digest(made.plan, made.tenant))
    late = await ask(client)
    assert (late["status"], late["cache"]["kind"]) == ("completed", "flight")


async def test_a_leader_whose_video_is_lost_is_not_waited_for(house: House, client: httpx.AsyncClient) -> None:
    made = await house.complete((await ask(client))["id"])
    await house.artifacts.delete(made.artifacts["video"])
    again = await ask(client)
    assert again["status"] == "queued"
    assert await line(house) == [again["id"]]


@pytest.mark.parametrize("more", [{"seed": -1}, {"cache": {"mode": "off"}}, {"cache": {"mode": "write"}}])
async def test_who_wants_a_fresh_one_follows_nobody(
    more: dict[str, Any], house: House, client: httpx.AsyncClient
) -> None:
    await ask(client, seed=7)
    await ask(client, **({"seed": 7} | more))
    assert len(await line(house)) == 2


@pytest.mark.parametrize("mode", ["off", "read"])
async def test_nobody_follows_one_that_keeps_nothing(mode: str, house: House, client: httpx.AsyncClient) -> None:
    await ask(client, cache={"mode": mode})
    await ask(client)
    assert len(await line(house)) == 2


async def test_a_full_line_takes_those_who_follow(client: httpx.AsyncClient, house: House) -> None:
    await ask(client)
    await house.board.put("backlog", {"wait_s": 1e6, "jobs": 1}, 60.0)
    assert (await ask(client))["status"] == "queued"
    assert (await client.post("/v1/videos", json={"prompt": "a blue box"})).status_code == 429


async def test_an_urgent_request_takes_over_from_a_lazy_one(house: House, client: httpx.AsyncClient) -> None:
    lazy = await ask(client, priority="low")
    urgent = await ask(client, deadline_s=30)
    assert await line(house) == [urgent["id"]]
    await house.complete(urgent["id"])
    assert (await look(client, lazy["id"]))["status"] == "completed"


async def test_tenants_do_not_follow_each_other() -> None:
    house = House(api_keys={"ann": "a", "bob": "b"})
    async with house.client() as client:
        for key in ("a", "b"):
            client.headers["authorization"] = f"Bearer {key}"
            await ask(client)
    assert len(await line(house)) == 2
    assert {job.tenant for job in await house.jobs.waiting()} == {"ann", "bob"}


async def test_whoever_waits_for_a_follower_gets_it_completed(house: House, client: httpx.AsyncClient) -> None:
    first, second = await ask(client), await ask(client)
    waiting = asyncio.ensure_future(house.service.wait(second["id"], Caller(), 5.0))
    await checkpoint()
    await house.complete(first["id"])
    assert (await waiting).phase is Phase.COMPLETED
