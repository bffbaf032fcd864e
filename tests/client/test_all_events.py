"""The client's one stream of all videos, from a house that is stopped and started again."""

from __future__ import annotations

from contextlib import aclosing

import anyio
import pytest

from app.client.client import Kinoray
from app.client.records import VideoEvent
from tests.api.house import House
from tests.api.served import served

pytestmark = pytest.mark.anyio


async def test_all_videos_are_followed_over_a_restart_of_the_server() -> None:
    house = House()
    async with served(house) as server, Kinoray(server.url) as kinoray, aclosing(kinoray.events()) as events:

        async def take(count: int) -> list[VideoEvent]:
            with anyio.fail_after(20.0):
                return [await anext(events) for _ in range(count)]

        assert [event.kind for event in await take(1)] == ["ready"]
        first = await kinoray.create("a red ball")
        second = await kinoray.create("a blue box")
        found = await take(2)
        assert [(event.kind, event.video_id) for event in found] == [("snapshot", first.id), ("snapshot", second.id)]
        assert found[1].video is not None
        assert found[1].video.prompt == "a blue box"
        await house.complete(first.id)
        assert [(event.kind, event.video_id) for event in await take(3)][-1] == ("end", first.id)
        await server.stop()
        await house.complete(second.id)
        await server.start()
        again = await take(5)
        assert [event.kind for event in again] == ["ready", "snapshot", "phase", "step", "end"]
        assert again[0].data["whole"] is True
        assert again[-1].video_id == second.id
