"""A video's priority is changed over HTTP: its tenant's own, or anybody's for operators, until it has ended."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from anyio.lowlevel import checkpoint

from app.jobs.board import BACKLOG
from app.jobs.events import priority_signal
from app.line.backlog import Backlog, PoolBacklog, TenantWaits, backlog_to_note
from app.telemetry import JOBS_CREATED
from tests.api.house import House

pytestmark = pytest.mark.anyio
BOSS = {"authorization": "Bearer b"}


async def ask(client: httpx.AsyncClient, prompt: str = "a red ball", **more: Any) -> str:
    return str((await client.post("/v1/videos", json={"prompt": prompt, **more})).json()["id"])


async def change(client: httpx.AsyncClient, video_id: str, priority: Any = "high", **more: Any) -> httpx.Response:
    return await client.patch(f"/v1/videos/{video_id}", json={"priority": priority}, **more)


async def test_a_waiting_video_has_its_new_priority_at_once(house: House, client: httpx.AsyncClient) -> None:
    video = await ask(client)
    for _ in range(2):  # the same again changes nothing
        answer = await change(client, video)
        assert (answer.status_code, answer.json()["id"], answer.json()["priority"]) == (200, video, "high")
    assert [job.priority for job in await house.jobs.waiting()] == ["high"]
    assert (await house.jobs.get(video)).fence == 1
    assert (await client.get(f"/v1/videos/{video}")).json()["priority"] == "high"
    assert (await house.meter.read())[JOBS_CREATED] == 1


async def test_a_running_video_keeps_running_and_its_replica_hears(house: House, client: httpx.AsyncClient) -> None:
    video = await ask(client)
    fence = await house.run(video)
    first = asyncio.ensure_future(anext(house.stops.listen()))
    await checkpoint()  # it listens
    answer = await change(client, video, "low")
    assert (answer.json()["priority"], answer.json()["status"]) == ("low", "in_progress")
    assert (await asyncio.wait_for(first, 5)) == priority_signal(video)
    assert (await house.jobs.get(video)).fence == fence


async def test_all_tabs_of_its_tenant_hear(house: House, client: httpx.AsyncClient) -> None:
    video = await ask(client)
    await change(client, video)
    events = await house.events.read_tenant("public", "0-0", 0.0)
    assert (events[-1].job_id, events[-1].kind, events[-1].data) == (video, "priority", {"priority": "high"})


async def test_one_that_has_ended_is_refused(house: House, client: httpx.AsyncClient) -> None:
    video = await ask(client)
    await house.complete(video)
    answer = await change(client, video)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "video_ended")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"priority": "highest"}, "priority"),
        ({"priority": None}, "priority"),
        ({}, "priority"),
        ({"priority": "high", "prompt": "x"}, "prompt"),
    ],
)
async def test_anything_else_is_refused_by_name(body: dict[str, Any], param: str, client: httpx.AsyncClient) -> None:
    answer = await client.patch(f"/v1/videos/{await ask(client)}", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_operators_change_and_cancel_anybodys_and_others_their_own() -> None:
    house = House(api_keys={"ann": "a", "bob": "c", "boss": "b"}, operators=["boss"])
    async with house.client(headers={"authorization": "Bearer a"}) as client:
        video = await ask(client)
        other = {"authorization": "Bearer c"}
        assert (await change(client, video, headers=other)).status_code == 404
        assert (await change(client, video, headers=BOSS)).json()["priority"] == "high"
        assert (await client.post(f"/v1/videos/{video}/cancel", headers=other)).status_code == 404
        assert (await client.post(f"/v1/videos/{video}/cancel", headers=BOSS)).json()["status"] == "failed"
        await house.access.writer.flush()
        log = (await client.get("/v1/audit", headers=BOSS, params={"action": "PATCH"})).json()["data"]
    assert ("boss", video) in {(each["tenant"], each["resource"]) for each in log}


async def test_what_would_hold_up_others_for_too_long_is_refused_but_not_to_operators() -> None:
    house = House(api_keys={"ann": "a", "boss": "b"}, operators=["boss"], max_wait_s=60.0)
    waits = TenantWaits(jobs=1, longest_s={"high": 90.0})
    pool = PoolBacklog(jobs=1, slots=1, replicas=1, tenants={"ann": waits})
    async with house.client(headers={"authorization": "Bearer a"}) as client:
        video = await ask(client)
        plan = (await house.jobs.get(video)).plan
        await house.board.put(BACKLOG, backlog_to_note(Backlog(jobs=1, pools={plan.pool: pool})), 60)
        refused = await change(client, video)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "overloaded")
        assert "retry-after" in refused.headers
        assert (await change(client, video, "low")).status_code == 200
        assert (await change(client, video, headers=BOSS)).status_code == 200


async def test_one_that_waits_for_the_same_video_leads_when_it_is_more_urgent(
    house: House, client: httpx.AsyncClient
) -> None:
    first, second = await ask(client), await ask(client)
    assert [job.id for job in await house.jobs.waiting()] == [first]
    await change(client, second)
    assert [job.id for job in await house.jobs.waiting()] == [second]
    await house.complete(second)
    assert (await client.get(f"/v1/videos/{first}")).json()["cache"]["kind"] == "flight"


async def test_the_document_has_the_event(client: httpx.AsyncClient) -> None:
    assert "PriorityEvent" in json.dumps((await client.get("/openapi.json")).json())
