"""The main job through a real Kinoray, as its users meet it: HTTP, the openai package, the kinoray client."""

from __future__ import annotations

import asyncio
import io
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import av
import httpx
import numpy as np
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError
from openai.types import Video
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from app.client.client import Kinoray
from cluster.local import LocalService
from tests.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]


async def finished(openai: AsyncOpenAI, prompt: str, **options: object) -> Video:
    video = await openai.videos.create_and_poll(prompt=prompt, extra_body=options or None)
    assert video.status == "completed", video.error
    return video


def frames_of(content: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(content)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


async def test_a_prompt_becomes_the_video_it_describes(openai: AsyncOpenAI) -> None:
    video = await finished(openai, "a large red square moves to the right on a black background", seed=1)
    content = await openai.videos.download_content(video.id)
    frames = frames_of(await content.aread())
    assert len(frames) == 17
    red = [np.argwhere((frame[..., 0] > 150) & (frame[..., 1] < 90) & (frame[..., 2] < 90)) for frame in frames]
    assert all(len(places) > 50 for places in red)
    assert red[-1][:, 1].mean() - red[0][:, 1].mean() > 0.2 * frames[0].shape[1]
    assert frames[0][:4].mean() < 40  # the ground is black


async def test_the_openai_package_lists_remixes_and_deletes(openai: AsyncOpenAI) -> None:
    made = await finished(openai, "a blue ring stands still", quality_tier="preview")
    remix = await openai.videos.remix(made.id, prompt="a green ring stands still")
    assert remix.remixed_from_video_id == made.id
    listed = [video.id async for video in await openai.videos.list(limit=2)]
    assert {made.id, remix.id} <= set(listed)
    assert (await openai.videos.delete(made.id)).deleted
    with pytest.raises(NotFoundError):
        await openai.videos.retrieve(made.id)


async def test_a_video_has_a_thumbnail_and_a_spritesheet(openai: AsyncOpenAI) -> None:
    video = await finished(openai, "a blue ring stands still", quality_tier="preview", seed=7)
    for variant in ("thumbnail", "spritesheet"):
        content = await openai.videos.download_content(video.id, variant=variant)
        Image.open(io.BytesIO(await content.aread())).verify()


async def test_a_repeat_is_answered_without_the_device(client: Kinoray) -> None:
    first = await client.wait((await client.create("a pink star spins", tier="preview")).id)
    started = time.monotonic()
    again = await client.create("a  pink star spins ", tier="preview")
    assert time.monotonic() - started < 1
    assert again.status == "completed"
    assert again.cache.hit
    assert await client.content(again.id) == await client.content(first.id)


@pytest.mark.parametrize("wishes", [{}, {"tier": "standard", "guidance_scale": 2.5, "upscale": 1, "style": "social"}])
async def test_the_request_that_is_told_makes_the_same_video(client: Kinoray, wishes: dict[str, Any]) -> None:
    first = await client.wait((await client.create("a red star shrinks", seed=11, **wishes)).id)
    told = await client.asked(first.id)
    assert (told["path"], told["exact"]) == ("/v1/videos", True)
    assert ("upscale" in told["body"], "guidance_scale" in told["body"]) == (False, bool(wishes))
    again = await client.create(**told["body"])
    assert (again.status, again.cache.hit) == ("completed", True)


async def test_a_repeat_outlives_the_job_it_came_from(client: Kinoray) -> None:
    first = await client.wait((await client.create("a white star spins", tier="preview")).id)
    again = await client.create("a white star spins", tier="preview")
    await client.delete(first.id)
    assert len(await client.content(again.id)) > 1000


async def test_every_step_is_told_to_those_who_follow(client: Kinoray) -> None:
    video = await client.create("an orange box bouncing", seed=-1)
    events = [event async for event in client.events(video.id)]
    assert events[-1].kind == "end"
    phases = [event.data["phase"] for event in events if event.kind == "phase"]
    assert phases == ["encoding", "denoising", "decoding", "postprocessing"]
    steps = [event.data["step"] for event in events if event.kind == "step"]
    assert steps == sorted(steps)
    replayed = [event.id async for event in client.events(video.id)]
    assert replayed == [event.id for event in events]


async def test_an_answer_has_one_request_id(service: LocalService) -> None:
    async with httpx.AsyncClient(base_url=service.url) as http:
        for path in ("/health", "/v1/videos", "/v1/nothing"):
            (own,) = (await http.get(path)).headers.get_list("x-request-id")
            assert own
            given = await http.get(path, headers={"x-request-id": "abc-1"})
            assert given.headers.get_list("x-request-id") == ["abc-1"]
        assert (await http.head("/v1/videos")).status_code == 200
        assert (await http.options("/v1/videos")).headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_cancel_frees_the_device(client: Kinoray) -> None:
    video = await client.create("a yellow triangle orbiting", seed=-1, steps=100)
    async for event in client.events(video.id):
        if event.kind == "step":
            break
    cancelled = await client.cancel(video.id)
    assert cancelled.error is not None
    assert (cancelled.status, cancelled.error.code) == ("failed", "cancelled")

    async def nothing_runs() -> bool:
        return not any(replica["running"] for replica in (await client.stats())["replicas"])

    await until(nothing_runs, 5.0)


async def test_several_jobs_at_once_all_end_with_their_own_video(openai: AsyncOpenAI) -> None:
    colours = ("red", "green", "blue", "yellow", "white")
    videos = await asyncio.gather(
        *(finished(openai, f"a large {c} circle stands still on black", quality_tier="preview") for c in colours)
    )
    assert len({video.id for video in videos}) == len(colours)
    for colour, video in zip(colours, videos, strict=True):
        frame = frames_of(await (await openai.videos.download_content(video.id)).aread())[8]
        bright = frame[frame.max(axis=-1) > 120].mean(axis=0)
        assert (bright > 0.65 * bright.max()).tolist() == _channels(colour), (colour, bright)


def _channels(colour: str) -> list[bool]:
    table: dict[str, Iterable[int]] = {
        "red": (1, 0, 0),
        "green": (0, 1, 0),
        "blue": (0, 0, 1),
        "yellow": (1, 1, 0),
        "white": (1, 1, 1),
    }
    return [bool(value) for value in table[colour]]


async def test_sync_answers_with_the_video_itself(service: LocalService) -> None:
    async with httpx.AsyncClient(base_url=service.url, timeout=60) as http:
        answer = await http.post("/v1/videos/sync", json={"prompt": "a green box grows", "quality_tier": "preview"})
    assert answer.headers["content-type"] == "video/mp4"
    assert len(frames_of(answer.content)) == 17


@pytest.mark.parametrize("options", [{"size": "99x99"}, {"seconds": "900"}, {"promt_strength": 1}])
async def test_what_cannot_be_made_is_refused(openai: AsyncOpenAI, options: dict[str, object]) -> None:
    with pytest.raises(BadRequestError):
        await openai.videos.create(prompt="a red ball", extra_body=options)


async def test_the_service_is_well_and_tells_its_figures(service: LocalService) -> None:
    async with httpx.AsyncClient(base_url=service.url, timeout=10) as http:
        health = (await http.get("/health")).json()
        stats = (await http.get("/api/stats")).json()
        metrics = (await http.get("/metrics")).text
    assert health["status"] == "ok"
    assert (health["score"], {row["status"] for row in health["components"].values()}) == (100, {"ok"})
    assert stats["cache_stats"]
    assert stats["optimization"]
    assert "kinoray_" in metrics


async def test_the_dispatcher_keeps_samples_and_the_log_of_recoveries_can_be_read(service: LocalService) -> None:
    async with httpx.AsyncClient(base_url=service.url, timeout=10) as http:

        async def minutes() -> list[dict[str, object]]:
            found: list[dict[str, object]] = (await http.get("/api/health/trends")).json()["minutes"]
            return [minute for minute in found if minute["replicas"]]  # not in that in which all started

        await until(minutes, 150)
        assert set((await http.get("/api/recoveries")).json()) == {"events", "tallies"}


async def test_metrics_tell_of_nodes_batches_and_waits(service: LocalService, openai: AsyncOpenAI) -> None:
    await finished(openai, "a green ring stands still", quality_tier="preview", seed=77)

    async def told() -> Counter[str]:
        """Each metric summed over its labels, once what the replica and the Dispatcher send now and then is there."""
        async with httpx.AsyncClient(base_url=service.url) as http:
            page = (await http.get("/metrics")).text
        sums: Counter[str] = Counter()
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                sums[sample.name] += sample.value  # type: ignore[assignment]
        late = ("kinoray_batch_size_count", "kinoray_queue_wait_seconds_count", "kinoray_nodes")
        return sums if all(sums[name] >= 1 for name in late) else Counter()

    found = await until(told)
    assert found["kinoray_nodes"] == 1
    assert found["kinoray_nodes_lost_total"] == 0
    assert found["kinoray_pool_unplaced"] == 0
