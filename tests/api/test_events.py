"""Events over server-sent events: a snapshot, the story, replays, the end."""

from __future__ import annotations

import json
from typing import Any

import anyio
import httpx
import pytest
from httpx_sse import EventSource, ServerSentEvent

from app.types import Failure
from tests.api.house import House

pytestmark = pytest.mark.anyio


async def told(
    client: httpx.AsyncClient, job_id: str, last: str | None = None, query: str = ""
) -> list[ServerSentEvent]:
    headers = {"last-event-id": last} if last else {}
    async with client.stream("GET", f"/v1/videos/{job_id}/events{query}", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        return [event async for event in EventSource(response).aiter_sse()]


async def test_the_story_begins_with_a_snapshot_and_ends_with_the_end(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    await house.complete(job["id"])
    events = await told(client, job["id"])
    assert [event.event for event in events] == ["snapshot", "phase", "step", "end"]
    assert json.loads(events[0].data)["status"] == "completed"
    assert json.loads(events[2].data)["total_steps"] == await house.steps(job["id"])
    assert all(event.id for event in events[1:])


async def test_a_replay_goes_on_behind_the_last_event(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    await house.complete(job["id"])
    phase = (await told(client, job["id"]))[1]
    for events in (
        await told(client, job["id"], phase.id),
        await told(client, job["id"], None, f"?last_event_id={phase.id}"),
    ):
        assert [event.event for event in events] == ["snapshot", "step", "end"]


@pytest.mark.parametrize("last", ["nonsense", "-1", "9" * 30, "%0Aevent:%20end"])
async def test_an_event_id_that_is_none_breaks_nothing(
    last: str, house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    await house.complete(job["id"])
    assert (await told(client, job["id"], None, f"?last_event_id={last}"))[-1].event == "end"


async def test_a_cancelled_video_ends_with_its_reason(client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    await client.post(f"/v1/videos/{job['id']}/cancel")
    end = (await told(client, job["id"]))[-1]
    assert json.loads(end.data)["error"]["code"] == "cancelled"


async def test_who_names_the_end_is_told_that_there_is_no_more(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    await house.complete(job["id"])
    path, end = f"/v1/videos/{job['id']}/events", (await told(client, job["id"]))[-1]
    for answer in (
        await client.get(path, headers={"last-event-id": end.id}),
        await client.get(path, params={"last_event_id": end.id}),
        await client.head(path, headers={"last-event-id": end.id}),
    ):
        assert (answer.status_code, answer.content) == (204, b"")
    gone = (await client.post("/v1/videos", json={"prompt": "a blue box"})).json()
    await client.post(f"/v1/videos/{gone['id']}/cancel")
    end = (await told(client, gone["id"]))[-1]
    assert (await client.get(f"/v1/videos/{gone['id']}/events", headers={"last-event-id": end.id})).status_code == 204


async def test_nobody_is_sent_away_who_may_not_have_been_told_the_end(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    await house.run(job["id"])
    last = (await house.events.read(job["id"], None, 0.0))[-1].id
    await house.jobs.cancel(job["id"], "public", Failure("cancelled", "Enough."), 1.0)  # and the event is never written
    (snapshot, end) = await told(client, job["id"], last)
    assert (snapshot.event, end.event) == ("snapshot", "end")
    answer = await client.get(f"/v1/videos/{job['id']}/events", headers={"last-event-id": end.id})
    assert answer.status_code == 204


async def test_a_look_at_the_headers_ends_at_once(client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    with anyio.fail_after(5.0):
        answer = await client.head(f"/v1/videos/{job['id']}/events")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_the_end_is_told_even_when_nobody_wrote_it(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    await house.complete(job["id"])
    await house.events.forget(job["id"])
    assert [event.event for event in await told(client, job["id"])] == ["snapshot", "end"]
