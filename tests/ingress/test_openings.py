from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.ingress.openings import Openings

pytestmark = pytest.mark.anyio


class House:
    """Streams that begin when they are let, and never end by themselves."""

    def __init__(self) -> None:
        self.here: list[str] = []
        self.begin, self.leave = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.here.append(scope["path"])
        if scope["path"] == "/v1/broken/events":
            raise RuntimeError("the Router has died")
        await self.begin.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await self.leave.wait()


def ask(door: Openings, path: str, sent: list[Message]) -> asyncio.Task[None]:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path}
    return asyncio.ensure_future(door(scope, receive, send))


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_of_a_crowd_so_many_begin_at_a_time_and_a_look_at_health_passes_them() -> None:
    house, sent = House(), list[Message]()
    door = Openings(house, most=2)
    crowd = [ask(door, f"/v1/videos/{number}/events", sent) for number in range(5)]
    looking = ask(door, "/health", sent)
    await settled()
    assert house.here == ["/v1/videos/0/events", "/v1/videos/1/events", "/health"]
    house.begin.set()
    await settled()
    assert len(sent) == 6, "those that have begun make room, however long they stay"
    house.leave.set()
    await asyncio.gather(*crowd, looking)


async def test_one_that_fails_or_is_given_up_leaves_its_place() -> None:
    house, sent = House(), list[Message]()
    door = Openings(house, most=1)
    with pytest.raises(RuntimeError):
        await ask(door, "/v1/broken/events", sent)
    left = ask(door, "/v1/videos/1/events", sent)
    await settled()
    left.cancel()
    await settled()
    ask(door, "/v1/videos/2/events", sent)
    await settled()
    assert house.here[-1] == "/v1/videos/2/events"
