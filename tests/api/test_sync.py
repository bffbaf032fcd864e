"""A video in one call: the file, the failure, the time-out, and the client that hangs up."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest

from tests.api.house import VIDEO, House

pytestmark = pytest.mark.anyio

RED = {"prompt": "a red ball"}


async def only_job(house: House) -> str:
    """The id of the job, once there is one."""
    assert await house.jobs.wait_for_work(5.0)
    return (await house.jobs.waiting())[0].id


async def test_the_answer_is_the_file(house: House, client: httpx.AsyncClient) -> None:
    async def make() -> None:
        await house.complete(await only_job(house))

    async with anyio.create_task_group() as group:
        group.start_soon(make)
        response = await client.post("/v1/videos/sync", json=RED)
    assert (response.status_code, response.content) == (200, VIDEO)
    assert response.headers["content-type"] == "video/mp4"
    assert response.headers["x-inference-time-s"] == "2.100"
    assert (await client.get(f"/v1/videos/{response.headers['x-video-id']}")).json()["status"] == "completed"


async def test_a_failure_is_told_with_the_id(house: House, client: httpx.AsyncClient) -> None:
    async def stop() -> None:
        await client.post(f"/v1/videos/{await only_job(house)}/cancel")

    async with anyio.create_task_group() as group:
        group.start_soon(stop)
        response = await client.post("/v1/videos/sync", json=RED)
    assert (response.status_code, response.json()["error"]["code"]) == (499, "cancelled")
    assert response.headers["x-video-id"]


async def test_a_video_that_takes_too_long_goes_on() -> None:
    house = House(sync_timeout_s=0.05)
    async with house.client() as client:
        response = await client.post("/v1/videos/sync", json=RED)
        assert (response.status_code, response.json()["error"]["code"]) == (504, "timeout")
        video = (await client.get(f"/v1/videos/{response.headers['x-video-id']}")).json()
    assert video["status"] == "queued"


async def call(house: House, left: anyio.Event) -> None:
    """The application as a server calls it, with a client that hangs up when told."""
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/videos/sync",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    body = [{"type": "http.request", "body": b'{"prompt": "a red ball"}'}]

    async def receive() -> Any:
        if body:
            return body.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    await house.app(scope, receive, send)


@pytest.mark.parametrize("how", ["disconnected", "cancelled by the server"])
async def test_a_client_that_hangs_up_cancels_its_video(how: str, house: House) -> None:
    left = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(call, house, left)
        job_id = await only_job(house)
        if how == "disconnected":
            left.set()
        else:
            group.cancel_scope.cancel()
    failure = (await house.jobs.get(job_id)).failure
    assert failure is not None
    assert failure.code == "cancelled"
