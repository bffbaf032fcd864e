"""Urgency, deadlines, previews and budgets through a real Kinoray: what the engine can do, asked for over HTTP."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from typing import Any

import anyio
import pytest
import websockets
from PIL import Image

from app.client.client import Kinoray
from cluster.local import LocalService

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]
SLOTS = 8


async def test_an_urgent_job_overtakes_those_that_fill_every_slot(client: Kinoray) -> None:
    long = [
        await client.create(f"a red ball rolls left {number}", seed=-1, steps=100, priority="low")
        for number in range(SLOTS + 2)
    ]
    async for event in client.events(long[0].id):
        if event.kind == "step":
            break
    urgent = await client.create("a white star spins on black", seed=-1, tier="preview", priority="high")
    with anyio.fail_after(60):
        assert (await client.wait(urgent.id)).status == "completed"
    others = await asyncio.gather(*(client.retrieve(video.id) for video in long))
    assert not any(video.ended for video in others)
    await asyncio.gather(*(client.cancel(video.id) for video in long))


async def test_a_job_is_given_up_when_its_deadline_passes(client: Kinoray) -> None:
    video = await client.create("a blue box falls on sand", seed=-1, steps=100, deadline_s=1.0)
    with anyio.fail_after(20):
        ended = await client.wait(video.id)
    assert ended.error is not None
    assert (ended.status, ended.error.code) == ("failed", "timeout")


async def test_previews_are_shown_on_the_way(client: Kinoray) -> None:
    video = await client.create("a green ring orbits on night blue", seed=-1, steps=40, preview=True)
    shown = [event.data async for event in client.events(video.id) if event.kind == "preview"]
    assert shown
    assert [each["step"] for each in shown] == sorted({each["step"] for each in shown})
    for each in shown:
        kind, _, picture = each["image"].partition(",")
        assert kind == "data:image/webp;base64"
        assert Image.open(io.BytesIO(base64.b64decode(picture))).size == (each["width"], each["height"])


async def test_a_socket_tells_the_story_and_hears_a_cancel(service: LocalService, client: Kinoray) -> None:
    video = await client.create("a yellow box rises on gray", seed=-1, steps=100)
    place = f"{service.url.replace('http', 'ws', 1)}/v1/videos/{video.id}/ws"
    told = []
    with anyio.fail_after(30):
        async with websockets.connect(place) as socket:
            async for message in socket:
                told.append(json.loads(message)["event"])
                if told[-1] == "step" and told.count("step") == 1:
                    await socket.send('{"type": "cancel"}')
    assert told[0] == "snapshot"
    assert told[-1] == "end"
    ended = await client.retrieve(video.id)
    assert ended.error is not None
    assert ended.error.code == "cancelled"


async def test_half_the_evaluations_are_made_when_half_the_budget_is_asked_for(client: Kinoray) -> None:
    made = await client.wait((await client.create("a pink star grows", seed=-1, steps=20, budget=10)).id)
    assert made.status == "completed", made.error
    assert (made.optimization.steps, made.optimization.budget) == (20, 10)


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
async def test_a_deterministic_job_gives_the_same_video_alone_and_in_company(client: Kinoray, sampler: str) -> None:
    wish: dict[str, Any] = {"seed": 5, "steps": 12, "sampler": sampler, "deterministic": True, "cache": {"mode": "off"}}
    prompt = "an orange triangle bounces on gray"
    alone = await client.wait((await client.create(prompt, **wish)).id)
    company = [await client.create(f"a red ball {number}", seed=-1, steps=30) for number in range(3)]
    beside = await client.wait((await client.create(prompt, **wish)).id)
    assert (alone.status, beside.status) == ("completed", "completed")
    assert await client.content(alone.id) == await client.content(beside.id)
    await asyncio.gather(*(client.cancel(video.id) for video in company))
