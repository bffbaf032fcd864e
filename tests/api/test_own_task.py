"""A client that hangs up, as a server tells of it: by a message, or by a cancel at whatever await the request is."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest

from app.errors import StoreUnavailable
from app.types import Caller, Job, VideoRequest
from tests.api.house import MODEL, PICTURES, House

pytestmark = pytest.mark.anyio

WAITING: dict[str, dict[str, Any]] = {
    "/v1/videos/sync": {"prompt": "a red ball"},
    "/v1/images/generations": {"prompt": "a lighthouse in fog", "n": 3},
}


class Yielding:
    """A port whose calls take a turn of the loop before and after, as those over a network do."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def slowly(*args: Any, **named: Any) -> Any:
            await asyncio.sleep(0)
            try:
                return await found(*args, **named)
            finally:
                await asyncio.sleep(0)

        return slowly


def slow_house() -> House:
    house = House(models=(MODEL, PICTURES))
    names = ("planner", "cache", "jobs", "events", "stops", "artifacts", "board", "flights", "meter", "presets")
    ports = house.service.ports
    slow: dict[str, Any] = {name: Yielding(getattr(ports, name)) for name in names}
    house.service.ports = replace(ports, **slow)
    return house


def asked(
    house: House, path: str, body: dict[str, Any], left: asyncio.Event, key: str | None = None
) -> Awaitable[None]:
    """The application as a server calls it, with a client that is there until `left`; what is sent is dropped."""
    headers = [(b"content-type", b"application/json")] + ([(b"idempotency-key", key.encode())] if key else [])
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
    messages = [{"type": "http.request", "body": json.dumps(body).encode()}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await asyncio.sleep(0)

    return house.app(scope, receive, send)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def jobs_of(house: House) -> tuple[Job, ...]:
    return (await house.jobs.list("public", None, 1000, True)).jobs


def ends(jobs: tuple[Job, ...]) -> list[str | None]:
    return [job.failure.code if job.failure else None for job in jobs]


@pytest.mark.parametrize("how", ["disconnected", "cancelled by the server"])
@pytest.mark.parametrize("path", WAITING)
async def test_a_client_that_hangs_up_cancels_what_it_waits_for_wherever_the_request_is(path: str, how: str) -> None:
    house, made = slow_house(), [0]
    for turn in range(150):
        left = asyncio.Event()
        request = asyncio.ensure_future(asked(house, path, {**WAITING[path], "seed": 10 * turn}, left))
        await turns(turn)
        if how == "disconnected":
            left.set()
        else:
            request.cancel()
        await asyncio.wait([request])
        await house.settled()
        assert await house.jobs.waiting() == [], f"after {turn} turns"
        made.append(int((await house.meter.read()).get("jobs_ended:cancelled", 0)))
    each = {later - before for before, later in itertools.pairwise(made)}
    assert max(each) == WAITING[path].get("n", 1)  # some were cut off when all was accepted
    assert how == "disconnected" or 0 in each  # and some before
    assert (await house.meter.read())["jobs_created"] == made[-1]


async def test_of_a_hundred_who_hang_up_at_once_none_runs_on() -> None:
    house, left = slow_house(), asyncio.Event()
    bodies = [{"prompt": f"ball {number}", "seed": number} for number in range(100)]
    requests = [asyncio.ensure_future(asked(house, "/v1/videos/sync", body, left)) for body in bodies]
    while await house.count() < 100:
        await asyncio.sleep(0)
    for request in requests[::2]:
        request.cancel()
    left.set()
    await asyncio.wait(requests)
    await house.settled()
    assert ends(await jobs_of(house)) == ["cancelled"] * 100


@pytest.mark.parametrize("path", WAITING)
async def test_what_was_asked_for_under_a_key_goes_on(path: str) -> None:
    house = slow_house()
    request = asyncio.ensure_future(asked(house, path, WAITING[path], asyncio.Event(), key="k-1"))
    while await house.count() < WAITING[path].get("n", 1):
        await asyncio.sleep(0)
    request.cancel()
    await asyncio.wait([request])
    await house.settled()
    assert set(ends(await jobs_of(house))) == {None}


@pytest.mark.parametrize("again", ["", "/cancel", "/remix"])
async def test_what_writes_is_written_whole_or_not_begun(again: str) -> None:
    house = slow_house()
    for turn in range(60):
        first = await house.service.submit(VideoRequest("a red ball", seed=turn), Caller()) if again else None
        path = f"/v1/videos/{first.id}{again}" if first else "/v1/videos"
        body = {} if again == "/cancel" else {"prompt": f"a blue ball {turn}"}
        request = asyncio.ensure_future(asked(house, path, body, asyncio.Event()))
        await turns(turn)
        request.cancel()
        await asyncio.wait([request])
        await house.settled()
        jobs, figures = await jobs_of(house), await house.meter.read()
        assert figures.get("jobs_created", 0) == len(jobs)
        assert figures.get("jobs_ended:cancelled", 0) == len([each for each in jobs if each.failure])
        for each in jobs:
            told = await house.events.read(each.id, None, 0.0)
            assert [event.kind for event in told] == (["end"] if each.failure else [])


async def test_a_withdrawal_is_tried_again_while_the_store_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    house, cancel, tries = slow_house(), None, 0
    monkeypatch.setattr("app.api.waiting.PAUSES_S", (0.0, 0.0))
    cancel = house.jobs.cancel

    async def away(*args: Any) -> Job:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise StoreUnavailable("Redis does not answer.")
        return await cancel(*args)

    house.jobs.cancel = away  # type: ignore[assignment]
    request = asyncio.ensure_future(asked(house, "/v1/videos/sync", WAITING["/v1/videos/sync"], asyncio.Event()))
    assert await house.jobs.wait_for_work(5.0)
    request.cancel()
    await asyncio.wait([request])
    await house.settled()
    assert ends(await jobs_of(house)) == ["cancelled"]


@pytest.mark.parametrize("kind", ["events", "content"])
async def test_a_stream_whose_request_is_cancelled_ends(kind: str) -> None:
    house = slow_house()
    job = await house.service.submit(VideoRequest("a red ball"), Caller())
    if kind == "content":
        await house.complete(job.id)
    sent = asyncio.Event()
    scope = {"type": "http", "method": "GET", "path": f"/v1/videos/{job.id}/{kind}", "query_string": b"", "headers": []}

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.set()

    request = asyncio.ensure_future(house.app(scope, receive, send))
    await sent.wait()
    request.cancel()
    await asyncio.wait([request])
    await house.settled()


async def test_a_cancel_over_a_socket_that_the_server_cuts_off_is_done() -> None:
    house = slow_house()
    for turn in range(40):
        job = await house.service.submit(VideoRequest("a red ball", seed=turn), Caller())
        heard = [{"type": "websocket.receive", "text": '{"type": "cancel"}'}, {"type": "websocket.connect"}]
        listening = asyncio.Event()

        async def receive(heard: list[Any] = heard, listening: asyncio.Event = listening) -> Any:
            if len(heard) == 1:
                listening.set()
            return heard.pop() if heard else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            await asyncio.sleep(0)

        scope = {"type": "websocket", "path": f"/v1/videos/{job.id}/ws", "query_string": b"", "headers": []}
        request = asyncio.ensure_future(house.app(scope, receive, send))
        await listening.wait()
        await turns(turn)
        request.cancel()
        await asyncio.wait([request])
        await house.settled()
        assert (await house.jobs.get(job.id)).failure is not None
        assert (await house.meter.read())["jobs_ended:cancelled"] == turn + 1


async def test_a_client_that_leaves_while_it_sends_its_body_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    house, called = slow_house(), asyncio.Event()
    scope = {"type": "http", "method": "POST", "path": "/v1/videos", "query_string": b"", "headers": []}

    async def receive() -> Any:
        called.set()
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        raise AssertionError("there is nobody to answer")

    request = asyncio.ensure_future(house.app(scope, receive, send))
    await called.wait()
    request.cancel()
    await asyncio.wait([request])
    await house.settled()
    assert (await house.count(), caplog.records) == (0, [])


async def test_a_request_that_is_over_leaves_no_task_behind(house: House) -> None:
    before = asyncio.all_tasks()
    async with house.client() as client:
        assert (await client.post("/v1/videos", json={"prompt": "a red ball"})).status_code == 200
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_a_server_that_stops_waits_for_what_its_last_requests_still_do() -> None:
    house = slow_house()
    async with house.app.router.lifespan_context(house.app):
        request = asyncio.ensure_future(asked(house, "/v1/videos/sync", WAITING["/v1/videos/sync"], asyncio.Event()))
        assert await house.jobs.wait_for_work(5.0)
        request.cancel()
    assert ends(await jobs_of(house)) == ["cancelled"]
    await asyncio.wait([request])
