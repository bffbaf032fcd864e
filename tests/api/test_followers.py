"""Streams and waiting requests have seats: who finds none is told to come again, and they are free again."""

from __future__ import annotations

from contextlib import AsyncExitStack

import httpx
import pytest
import websockets

from tests.api.house import House
from tests.api.served import served
from tests.waiting import until

pytestmark = pytest.mark.anyio
RED = {"prompt": "a red ball"}


@pytest.mark.parametrize("path", ["/v1/videos/{job}/events", "/v1/events"])
async def test_beyond_the_most_is_a_503_and_a_seat_is_free_when_its_stream_ends(path: str) -> None:
    house = House(max_followers=2)
    async with served(house) as server, httpx.AsyncClient(base_url=server.url, timeout=10) as client:
        job = (await client.post("/v1/videos", json=RED)).json()["id"]
        path = path.format(job=job)
        async with AsyncExitStack() as stack:
            for _ in range(2):
                stream = await stack.enter_async_context(client.stream("GET", path))
                assert stream.status_code == 200
            refused = await client.get(path)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many_followers")
            assert int(refused.headers["retry-after"]) >= 1
            assert (await client.post("/v1/videos/sync", json=RED)).json()["error"]["code"] == "too_many_followers"
            assert (await client.get("/health/live")).status_code == 200
            assert house.app.state.followers.count == 2

        async def left() -> bool:
            return bool(house.app.state.followers.count == 0)

        await until(left)


async def test_a_websocket_takes_a_seat_too() -> None:
    house = House(max_followers=1)
    async with served(house) as server, httpx.AsyncClient(base_url=server.url, timeout=10) as client:
        job = (await client.post("/v1/videos", json=RED)).json()["id"]
        url = f"{server.url.replace('http', 'ws')}/v1/videos/{job}/ws"
        async with websockets.connect(url) as first:
            assert '"snapshot"' in str(await first.recv())
            async with websockets.connect(url) as second:
                assert "too_many_followers" in str(await second.recv())
                await second.wait_closed()
                assert second.close_code == 1013
            assert (await client.get(f"/v1/videos/{job}/events")).status_code == 503
