"""A video in one call: the file, the failure, the time-out, and the client that hangs up."""

from __future__ import annotations

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
    assert (response.status_code, response.json()["error"]["code"]) == (409, "cancelled")
    assert response.headers["x-video-id"]


async def test_a_video_that_takes_too_long_goes_on() -> None:
    house = House(sync_timeout_s=0.05)
    async with house.client() as client:
        response = await client.post("/v1/videos/sync", json=RED)
        assert (response.status_code, response.json()["error"]["code"]) == (504, "timeout")
        video = (await client.get(f"/v1/videos/{response.headers['x-video-id']}")).json()
    assert video["status"] == "queued"
