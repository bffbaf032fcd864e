"""The story over a WebSocket: the same as over server-sent events, and a client that is heard."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx
import pytest
import uvicorn
import websockets
from anyio.lowlevel import checkpoint
from httpx_sse import EventSource

from app.api.sockets import KEY
from app.errors import StoreUnavailable
from app.service import follower_reads
from app.types import Caller, Job, VideoRequest
from tests.api.house import House
from tests.api.socket import Socket, opened
from tests.waiting import until

pytestmark = pytest.mark.anyio

IMAGE = "data:image/webp;base64,UklGRg=="
PREVIEW = {"step": 4, "total_steps": 25, "width": 64, "height": 64, "image": IMAGE}
KEYS = {"ann": "key-a", "ben": "key/b é"}


def place(job: Any) -> str:
    return f"/v1/videos/{job['id'] if isinstance(job, dict) else job}/ws"


async def by_sse(client: httpx.AsyncClient, job_id: str, last: str = "") -> list[dict[str, Any]]:
    async with client.stream("GET", f"/v1/videos/{job_id}/events?last_event_id={last}") as response:
        told = [each async for each in EventSource(response).aiter_sse()]
    return [{"event": each.event, "id": each.id or None, "data": json.loads(each.data)} for each in told]


async def by_socket(house: House, address: str) -> list[dict[str, Any]]:
    async with opened(house.app, address) as socket:
        told, code = await socket.rest()
    assert code == 1000
    return told


async def made_with_a_preview(house: House, job_id: str) -> None:
    await house.run(job_id)
    await house.events.append(job_id, "preview", time.time(), PREVIEW)
    await house.service.cancel(job_id, Caller())


async def test_both_streams_tell_the_same_story(house: House, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    await made_with_a_preview(house, job["id"])
    told = await by_socket(house, place(job))
    assert told == await by_sse(client, job["id"])
    assert [each["event"] for each in told] == ["snapshot", "phase", "step", "preview", "end"]
    assert (told[0]["id"], told[0]["data"]["status"]) == (None, "failed")


async def test_a_preview_is_passed_on_as_it_was_written(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    await made_with_a_preview(house, job["id"])
    preview = (await by_socket(house, place(job)))[3]["data"]
    assert {**preview, "at": 0} == {**PREVIEW, "at": 0}
    assert "image" not in (await client.get(f"/v1/videos/{job['id']}")).json()


async def test_a_replay_goes_on_behind_the_last_event(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    await made_with_a_preview(house, job["id"])
    step = (await by_socket(house, place(job)))[2]["id"]
    told = await by_socket(house, f"{place(job)}?last_event_id={step}")
    assert [each["event"] for each in told] == ["snapshot", "preview", "end"]
    assert told == await by_sse(client, job["id"], step)


@pytest.mark.parametrize("last", ["nonsense", "-1", "9" * 30, "%00"])
async def test_an_event_id_that_is_none_breaks_nothing(last: str, house: House, job: dict[str, Any]) -> None:
    await house.complete(job["id"])
    assert (await by_socket(house, f"{place(job)}?last_event_id={last}"))[-1]["event"] == "end"


async def test_what_happens_while_one_listens_is_told_at_once(house: House, job: dict[str, Any]) -> None:
    async with opened(house.app, place(job)) as socket:
        assert (await socket.event())["data"]["status"] == "queued"
        await house.run(job["id"])
        assert [(await socket.event())["event"] for _ in range(2)] == ["phase", "step"]


async def test_a_video_is_cancelled_over_the_socket(house: House, job: dict[str, Any]) -> None:
    async with opened(house.app, place(job)) as socket:
        await socket.event()
        socket.send({"type": "cancel"})
        told, code = await socket.rest()
    assert (told[-1]["event"], told[-1]["data"]["error"]["code"], code) == ("end", "cancelled", 1000)
    assert (await house.jobs.get(job["id"])).status == "failed"
    assert (await house.meter.read())["jobs_ended:cancelled"] == 1


async def test_a_cancel_is_written_whole_though_the_story_ends_before(house: House, job: dict[str, Any]) -> None:
    add, ended = house.meter.add, asyncio.Event()

    async def slowly(figures: dict[str, float]) -> None:
        await ended.wait()
        await add(figures)

    house.meter.add = slowly  # type: ignore[method-assign]
    async with opened(house.app, place(job)) as socket:
        socket.send({"type": "cancel"})
        while (await socket.event())["event"] != "end":
            pass
        ended.set()
        assert (await socket.rest())[1] == 1000
    assert (await house.meter.read())["jobs_ended:cancelled"] == 1


async def test_a_cancel_is_done_even_when_the_client_leaves_at_once(house: House, job: dict[str, Any]) -> None:
    async with opened(house.app, place(job)) as socket:
        socket.send({"type": "cancel"})
    assert (await house.jobs.get(job["id"])).status == "failed"


BAD: dict[str, tuple[str | bytes, str]] = {
    "no JSON": ("cancel", "invalid_json"),
    "nothing": ("", "invalid_json"),
    "bytes": (b"\xff\xfe", "invalid_json"),
    "a tower of brackets": ("[" * 4000, "invalid_json"),
    "a list": ("[]", "invalid_request"),
    "no type": ("{}", "invalid_request"),
    "another type": ('{"type": "pause"}', "invalid_request"),
    "too much": ('{"type": "cancel", "why": 1}', "invalid_request"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_message_not_understood_is_answered_and_the_socket_goes_on(
    case: str, house: House, job: dict[str, Any]
) -> None:
    message, code = BAD[case]
    async with opened(house.app, place(job)) as socket:
        await socket.event()
        socket.send(message)
        error = await socket.event()
        assert (error["event"], error["id"], error["data"]["code"]) == ("error", None, code)
        assert error["data"]["message"].endswith((".", "?"))
        socket.send({"type": "cancel"})
        assert (await socket.rest())[1] == 1000


@pytest.mark.parametrize("message", ["a" * 4097, b"a" * 10**6, "é" * 2049])
async def test_an_oversized_message_ends_the_conversation(
    message: str | bytes, house: House, job: dict[str, Any]
) -> None:
    async with opened(house.app, place(job)) as socket:
        await socket.event()
        socket.send(message)
        told, code = await socket.rest()
    assert ([each["data"]["code"] for each in told], code) == (["message_too_large"], 1009)
    assert (await house.jobs.get(job["id"])).status == "queued"


async def refused(socket: Socket) -> tuple[str, int]:
    """The one thing told, an error's code, and how the socket is closed."""
    told, code = await socket.rest()
    assert [each["event"] for each in told] == ["error"]
    return told[0]["data"]["code"], code


@pytest.mark.parametrize("name", ["video_0123456789abcdef0123456789abcdef", "hello", "video_*", "video_" + "a" * 500])
async def test_nothing_by_that_name_is_closed_as_not_found(name: str, house: House) -> None:
    async with opened(house.app, place(name)) as socket:
        assert await refused(socket) == ("video_not_found", 4404)


async def test_a_store_that_stays_away_asks_to_come_again(
    house: House, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_reads, "PATIENCE_S", 0.0)

    async def away(*_: object) -> Job:
        raise StoreUnavailable("Redis does not answer.")

    async with opened(house.app, place(job)) as socket:
        await socket.event()
        house.events.read = away  # type: ignore[assignment]
        await house.run(job["id"])
        told, code = await socket.rest()
    assert (told[-1]["data"]["code"], code) == ("store_unavailable", 1013)
    house.jobs.get = away  # type: ignore[assignment]
    async with opened(house.app, place(job)) as socket:
        assert await refused(socket) == ("store_unavailable", 1013)


async def test_a_key_comes_in_the_header_or_as_the_subprotocol() -> None:
    house = House(api_keys=KEYS)
    job = await house.service.submit(VideoRequest("a red ball"), Caller("ben"))
    right, wrong = f"{KEY}key%2Fb%20%C3%A9", f"{KEY}key-a"
    async with opened(house.app, place(job.id), subprotocols=["other", right]) as socket:
        assert socket.accepted["subprotocol"] == right
        assert (await socket.event())["event"] == "snapshot"
    async with opened(house.app, place(job.id), subprotocols=[wrong]) as socket:
        assert await refused(socket) == ("video_not_found", 4404)
    async with opened(house.app, place(job.id), {"authorization": "Bearer key-a"}) as socket:
        assert socket.accepted["subprotocol"] is None
        assert await refused(socket) == ("video_not_found", 4404)


@pytest.mark.parametrize(
    ("headers", "subprotocols"),
    [
        ({}, []),
        ({}, [KEY]),
        ({}, [f"{KEY}wrong"]),
        ({}, ["key-a"]),
        ({"authorization": "Basic key-a"}, [f"{KEY}key-a"]),
    ],
)
async def test_without_a_valid_key_nothing_is_told(headers: dict[str, str], subprotocols: list[str]) -> None:
    house = House(api_keys=KEYS)
    job = await house.service.submit(VideoRequest("a red ball"), Caller("ann"))
    async with opened(house.app, place(job.id), headers, subprotocols) as socket:
        assert await refused(socket) == ("invalid_api_key", 4401)


async def test_without_configured_keys_a_key_given_is_no_hindrance(house: House, job: dict[str, Any]) -> None:
    async with opened(house.app, place(job), subprotocols=[f"{KEY}any"]) as socket:
        assert socket.accepted["subprotocol"] == f"{KEY}any"
        assert (await socket.event())["event"] == "snapshot"


async def test_a_client_that_leaves_leaves_nothing_behind(house: House, job: dict[str, Any]) -> None:
    before = asyncio.all_tasks()
    async with opened(house.app, place(job)) as socket:
        await socket.event()
        assert asyncio.all_tasks() > before
    await checkpoint()
    assert asyncio.all_tasks() == before


async def test_who_asks_without_a_socket_is_told_to_bring_one(client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    response = await client.get(place(job))
    assert (response.status_code, response.json()["error"]["code"]) == (426, "upgrade_required")


async def test_a_real_socket_is_told_and_heard(house: House, job: dict[str, Any]) -> None:
    server = uvicorn.Server(uvicorn.Config(house.app, port=0, log_level="critical", lifespan="off"))
    serving = asyncio.ensure_future(server.serve())

    async def started() -> bool:
        return server.started

    await until(started, 10.0)
    port = server.servers[0].sockets[0].getsockname()[1]
    key = websockets.Subprotocol(f"{KEY}any")
    async with websockets.connect(f"ws://127.0.0.1:{port}{place(job)}", subprotocols=[key]) as socket:
        assert socket.subprotocol == key
        assert json.loads(await socket.recv())["event"] == "snapshot"
        await socket.send('{"type": "cancel"}')
        assert [json.loads(each)["event"] async for each in socket] == ["end"]
        assert socket.close_code == 1000
    server.should_exit = True
    await serving
