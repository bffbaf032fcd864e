"""Streams and waiting requests have seats: who finds none is told to come again, and they are free again."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack

import anyio
import httpx
import pytest
import websockets

from app.api import followers
from app.api.followers import Followers
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


async def test_a_crowd_is_told_in_fewer_pieces_and_nobody_misses_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followers, "FEW", 3)
    monkeypatch.setattr(followers, "PIECES_A_S", 20.0)  # of four, each is told something five times a second
    house, crowd, steps = House(), 4, 40
    async with served(house) as server, httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        job = (await client.post("/v1/videos", json=RED)).json()["id"]
        pieces, told = Counter[int](), Counter[int]()

        async def follow(number: int) -> None:
            async with client.stream("GET", f"/v1/videos/{job}/events") as stream:
                async for piece in stream.aiter_raw():
                    pieces[number] += 1
                    told[number] += piece.count(b"event: step")

        async with anyio.create_task_group() as group:
            for number in range(crowd):
                group.start_soon(follow, number)
            await until(lambda: _all_there(house, crowd))
            for step in range(steps):
                await house.events.append(job, "step", 1.0, {"step": step, "total_steps": steps})
                for _ in range(20):
                    await anyio.sleep(0)  # as over time: each could be a piece of its own
            await house.complete(job)
        assert set(told.values()) == {steps + 1}
        assert max(pieces.values()) < 10


async def _all_there(house: House, count: int) -> bool:
    return bool(house.app.state.followers.count == count)


async def test_an_event_is_encoded_once_for_all_who_follow_its_job() -> None:
    seats, encoded = Followers(2000), list[str]()

    def encode(text: str) -> bytes:
        encoded.append(text)
        return text.encode()

    told = [seats.piece(("video_1", "step", "5-0"), lambda: encode("step 1")) for _ in range(1000)]
    assert set(told) == {b"step 1"}
    assert seats.piece(("video_2", "step", "5-0"), lambda: encode("step 9")) == b"step 9", "ids are a job's own"
    assert encoded == ["step 1", "step 9"]


async def test_a_few_are_told_at_once() -> None:
    seats = Followers(2000)
    seats.count = followers.FEW
    assert seats.pause_s == 0.0
    seats.count = 1000
    assert seats.pause_s == 5.0


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
