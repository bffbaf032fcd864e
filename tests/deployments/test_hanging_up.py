"""Clients of a real service that close their sockets: what they waited for is not made."""

from __future__ import annotations

import asyncio
import json
import random

import httpx
import pytest

from app.client.client import Kinoray
from cluster.local import LocalService
from tests.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]

COUNT = 100
PROMPT = "a red ball bounces, "
WITHIN_S = 120.0  # generous: a job that ran on ends as completed
LONGEST_S = 6.0  # before it hangs up: some are cut off in the accept, some while they wait


async def asks_and_hangs_up(service: LocalService, number: int, after_s: float) -> None:
    url = httpx.URL(service.url)
    body = json.dumps({"prompt": f"{PROMPT}{number}", "seed": -1, "steps": 100})
    head = (
        f"POST /v1/videos/sync HTTP/1.1\r\nhost: {url.host}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write((head + body).encode())
    await writer.drain()
    await asyncio.sleep(after_s)  # what is tested: when it hangs up
    writer.close()
    await writer.wait_closed()


async def test_of_a_hundred_who_hang_up_nothing_runs_on(service: LocalService, client: Kinoray) -> None:
    draw = random.Random(3)
    await asyncio.gather(*(asks_and_hangs_up(service, n, draw.uniform(0.0, LONGEST_S)) for n in range(COUNT)))

    async def nothing_is_left() -> bool:
        stats = await client.stats()
        return not stats["tenant"]["jobs"] and not any(replica["running"] for replica in stats["replicas"])

    await until(nothing_is_left, WITHIN_S)
    ours = [video async for video in client.iterate() if video.prompt.startswith(PROMPT)]
    assert len(ours) > COUNT // 4  # were accepted before their clients left
    assert {video.error.code if video.error else video.status for video in ours} == {"cancelled"}
