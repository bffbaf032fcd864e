"""What dies comes back, and no accepted job is lost: real processes, really killed."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import anyio
import httpx
import pytest

from app.client.client import Kinoray
from cluster.local import LocalService
from tests.drills.processes import only_pid
from tests.waiting import until

pytestmark = pytest.mark.anyio

RECOVERY_S = 90.0  # a new replica imports torch and reads the model on a busy machine of two cores


async def well(service: LocalService) -> None:
    async with httpx.AsyncClient(base_url=service.url, timeout=5) as http:

        async def answers() -> bool:
            try:
                return (await http.get("/health")).status_code == 200
            except httpx.HTTPError:
                return False

        await until(answers, RECOVERY_S, every_s=0.2)


async def stepping(client: Kinoray, prompt: str) -> str:
    """The id of a long job that has begun to step."""
    video = await client.create(prompt, seed=-1, steps=100)
    async for event in client.events(video.id):
        if event.kind == "step":
            break
    return video.id


@pytest.mark.parametrize("deployment", ["Diffuser", "Dispatcher", "Finisher", "Cache"])
async def test_a_job_survives_the_death_of_a_replica(service: LocalService, client: Kinoray, deployment: str) -> None:
    video_id = await stepping(client, f"a white star spins while the {deployment} dies")
    os.kill(await anyio.to_thread.run_sync(only_pid, service, deployment), signal.SIGKILL)
    video = await client.wait(video_id, timeout_s=RECOVERY_S)
    assert video.status == "completed", video.error
    assert len(await client.content(video_id)) > 1000
    await well(service)


@pytest.mark.parametrize("what", ["Router", "ServeController"])
async def test_a_job_goes_on_while_nobody_can_ask_for_it(service: LocalService, client: Kinoray, what: str) -> None:
    video_id = await stepping(client, f"a green ring orbits while {what} dies")
    os.kill(await anyio.to_thread.run_sync(only_pid, service, what), signal.SIGKILL)
    await well(service)
    video = await client.wait(video_id, timeout_s=RECOVERY_S)
    assert (video.status, video.resumed_from_step) == ("completed", None), video.error
    again = await client.wait((await client.create("a red ball afterwards", tier="preview", seed=-1)).id)
    assert again.status == "completed"


async def test_all_who_wait_for_one_video_get_it_when_the_finisher_dies(service: LocalService, client: Kinoray) -> None:
    prompt = "a pink box slides left while the Finisher dies"
    videos = [await client.create(prompt, steps=100, seed=5) for _ in range(12)]
    async for event in client.events(videos[-1].id):  # a follower hears of its leader's steps
        if event.kind == "step":
            break
    os.kill(await anyio.to_thread.run_sync(only_pid, service, "Finisher"), signal.SIGKILL)
    ended = [await client.wait(video.id, timeout_s=RECOVERY_S) for video in videos]
    assert [video.status for video in ended] == ["completed"] * 12
    assert [video.cache.kind for video in ended].count("flight") == 11
    assert len({await client.content(video.id) for video in ended}) == 1
    await well(service)


async def test_a_job_goes_on_from_its_checkpoint_with_the_same_bits_when_its_replica_dies(
    service: LocalService, client: Kinoray
) -> None:
    wish: dict[str, Any] = {"seed": 3, "steps": 90, "deterministic": True, "cache": {"mode": "off"}}
    prompt = "a yellow ring falls while the replica dies"
    whole = await client.wait((await client.create(prompt, **wish)).id, timeout_s=RECOVERY_S)
    pid = await anyio.to_thread.run_sync(only_pid, service, "Diffuser")
    video = await client.create(prompt, **wish)
    async for event in client.events(video.id):
        if event.kind == "step" and event.data["step"] >= 45:
            break
    os.kill(pid, signal.SIGKILL)
    resumed = await client.wait(video.id, timeout_s=RECOVERY_S)
    assert resumed.status == "completed", resumed.error
    assert resumed.resumed_from_step is not None
    assert resumed.resumed_from_step >= 20
    assert await client.content(video.id) == await client.content(whole.id)
    await well(service)


async def test_without_redis_the_answer_is_a_clear_503_and_never_a_hang(service: LocalService, client: Kinoray) -> None:
    kept = await client.create("a blue box stands still on sand", tier="preview")
    await client.wait(kept.id)
    redis = service.redis
    assert redis is not None
    redis.stop()
    try:
        async with httpx.AsyncClient(base_url=service.url, timeout=15) as http:
            for method, path in (("POST", "/v1/videos"), ("GET", f"/v1/videos/{kept.id}"), ("GET", "/health")):
                started = time.monotonic()
                answer = await http.request(method, path, json={"prompt": "a red ball", "seed": -1})
                assert answer.status_code == 503, (path, answer.text)
                assert answer.json()["error"]["code"] in ("store_unavailable", "service_unavailable")
                assert time.monotonic() - started < 8, path
    finally:
        redis.start()
    await well(service)
    assert (await client.retrieve(kept.id)).status == "completed"
    again = await client.wait((await client.create("a red ball after the storm", tier="preview", seed=-1)).id)
    assert again.status == "completed"
