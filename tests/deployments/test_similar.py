"""A similar start through the whole service: a kept latent, a job that begins with it, and one that may not."""

from __future__ import annotations

import uuid

import pytest

from app.client.client import Kinoray
from app.client.records import Video
from tests.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]


async def made(client: Kinoray, prompt: str) -> Video:
    asked = await client.create(prompt, tier="standard", cache={"similar": True})
    video = await client.wait(asked.id)
    assert video.status == "completed", video.error
    return video


async def test_a_prompt_said_a_little_otherwise_begins_with_the_first_ones_video(client: Kinoray) -> None:
    take = uuid.uuid4().hex[:6]
    first = await made(client, f"a small red ball rises on a black background, {take}")
    assert (first.cache.kind, first.cache.steps_skipped) == ("none", 0)

    async def kept() -> bool:
        return bool((await client.stats())["cache_stats"]["levels"].get("similar", {}).get("entries"))

    await until(kept, 20.0)  # just after the job is closed
    second = await made(client, f"A small red ball rises on a black background, {take}.")
    assert (second.cache.kind, second.cache.hit) == ("similar", True)
    assert second.cache.steps_skipped >= 2
    assert second.cache.similarity is not None
    assert second.cache.similarity > 0.9
    assert second.cache.saved_step_seconds > 0
    again = await made(client, f"A small red ball rises on a black background, {take}.")
    assert again.cache.kind == "result"
    other = await made(client, f"a small blue ball rises on a black background, {take}")
    assert other.cache.kind == "none"
    level = (await client.stats())["cache_stats"]["levels"]["similar"]
    assert level["hits"] >= 1
    assert level["saved_step_seconds"] > 0
