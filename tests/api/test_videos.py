"""Videos made, listed, looked at, cancelled, remixed and deleted over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.client.records import StoryboardScene, Video
from app.jobs.board import BACKLOG
from app.service.recovery import UNKNOWN, lost_mark
from tests.api.house import House
from tests.jobs.make import a_job

pytestmark = pytest.mark.anyio


async def test_a_prompt_is_enough(house: House, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/videos", json={"prompt": "a red ball"})
    video = response.json()
    assert response.status_code == 200
    assert video["object"] == "video"
    assert (video["status"], video["phase"], video["progress"]) == ("queued", "queued", 0)
    assert (video["size"], video["seconds"], video["num_frames"], video["fps"]) == ("64x64", "2.125", 17, 8)
    assert video["optimization"]["fixed_default_steps"] == 50
    assert (await house.jobs.get(video["id"])).plan.prompt == "a red ball"


async def test_a_video_knows_its_place_in_the_line(client: httpx.AsyncClient) -> None:
    places = [(await client.post("/v1/videos", json={"prompt": f"a ball {n}"})).json() for n in range(3)]
    assert [video["queue_position"] for video in places] == [0, 1, 2]


async def test_a_completed_video_tells_what_it_took(house: House, client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/videos", json={"prompt": "a red ball", "user": "ann"})).json()
    await house.complete(made["id"])
    response = await client.get(f"/v1/videos/{made['id']}")
    video = response.json()
    assert (video["status"], video["progress"], video["attempts"], video["user"]) == ("completed", 100, 1, "ann")
    assert video["stage_durations"]["denoise"] == 2.0
    assert (video["inference_time_s"], video["peak_memory_mb"]) == (2.1, 3.0)
    assert video["url"] == f"http://kinoray/v1/videos/{made['id']}/content"
    assert "denoise;dur=2000.0" in response.headers["server-timing"]
    assert "total;dur=" in response.headers["server-timing"]


async def test_a_price_makes_a_cost() -> None:
    house = House(price_per_device_hour=3.6)
    async with house.client() as client:
        made = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
        await house.complete(made["id"])
        assert (await client.get(f"/v1/videos/{made['id']}")).json()["cost"] == 0.002


async def test_a_running_video_says_when_to_ask_again(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    fence = await house.run(job["id"])
    for eta_s, after_ms in ((0.1, 500), (20.0, 2000), (5000.0, 10_000)):
        await house.jobs.advance(job["id"], fence, (await house.jobs.get(job["id"])).phase, 0.0, 3, eta_s)
        response = await client.get(f"/v1/videos/{job['id']}")
        assert response.headers["openai-poll-after-ms"] == str(after_ms)
    assert (response.json()["status"], response.json()["phase"]) == ("in_progress", "denoising")


async def test_a_repeat_is_answered_as_completed(house: House, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    await house.complete(job["id"])
    answer = await client.post("/v1/videos", json={"prompt": "a red ball"})
    again = answer.json()
    stages = [stage.split(";")[0] for stage in answer.headers["server-timing"].split(", ")]
    assert stages == ["plan", "lookup", "files", "record", "accept", "total"]
    assert again["id"] != job["id"]
    assert again["status"] == "completed"
    saved = {"kind": "result", "hit": True, "saved_step_seconds": 1.8}
    unknown = {"embedding_hit": None, "similarity": None, "note": None}
    assert again["cache"] == saved | unknown | {"steps_skipped": 0}


async def test_caches_can_be_left_out(house: House, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    await house.complete(job["id"])
    asked = {"prompt": "a red ball", "cache": {"mode": "off"}}
    assert (await client.post("/v1/videos", json=asked)).json()["status"] == "queued"


async def test_too_long_a_line_is_told_with_a_time_to_wait(house: House, client: httpx.AsyncClient) -> None:
    await house.board.put(BACKLOG, {"wait_s": 1900.5, "jobs": 3}, 60)
    response = await client.post("/v1/videos", json={"prompt": "a red ball"})
    assert (response.status_code, response.headers["retry-after"]) == (429, "101")
    assert response.json()["error"]["code"] == "overloaded"


async def test_pages_follow_one_another(client: httpx.AsyncClient) -> None:
    ids = [(await client.post("/v1/videos", json={"prompt": f"a ball {n}"})).json()["id"] for n in range(5)]
    for order, expected in (("asc", ids), ("desc", ids[::-1])):
        seen: list[str] = []
        more = True
        while more:
            after = {"after": seen[-1]} if seen else {}
            page = (await client.get("/v1/videos", params={"limit": 2, "order": order, **after})).json()
            assert page["object"] == "list"
            assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
            seen += [video["id"] for video in page["data"]]
            more = page["has_more"]
        assert seen == expected


async def test_an_empty_list_is_a_list(client: httpx.AsyncClient) -> None:
    page = (await client.get("/v1/videos")).json()
    assert page == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


async def test_a_cancelled_video_is_failed_and_says_so(client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    for _ in range(2):
        video = (await client.post(f"/v1/videos/{job['id']}/cancel")).json()
        assert (video["status"], video["error"]["code"]) == ("failed", "cancelled")


async def test_a_completed_video_cannot_be_cancelled(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    await house.complete(job["id"])
    assert (await client.post(f"/v1/videos/{job['id']}/cancel")).json()["status"] == "completed"


async def test_a_deleted_video_is_gone(house: House, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    await house.run(job["id"])
    answer = (await client.delete(f"/v1/videos/{job['id']}")).json()
    assert answer == {"id": job["id"], "object": "video.deleted", "deleted": True}
    assert (await client.get(f"/v1/videos/{job['id']}")).status_code == 404
    assert (await client.delete(f"/v1/videos/{job['id']}")).status_code == 404


@pytest.mark.parametrize("how", ["json", "data", "files"])
async def test_a_remix_keeps_all_but_the_prompt(how: str, client: httpx.AsyncClient) -> None:
    asked = {"prompt": "a red ball", "size": "96x64", "frames": 9, "seed": 5, "tier": "preview"}
    source = (await client.post("/v1/videos", json=asked)).json()
    prompt: Any = {"prompt": (None, "a blue ball")} if how == "files" else {"prompt": "a blue ball"}
    remix = (await client.post(f"/v1/videos/{source['id']}/remix", **{how: prompt})).json()
    same = ("size", "num_frames", "fps", "seed", "quality", "model")
    assert [remix[name] for name in same] == [source[name] for name in same]
    assert (remix["prompt"], remix["remixed_from_video_id"]) == ("a blue ball", source["id"])


async def test_another_take_differs_in_its_seed_alone(client: httpx.AsyncClient) -> None:
    wishes = {"size": "96x64", "tier": "standard", "steps": 12, "style": "cinematic", "negative_prompt": "blur"}
    asked = {"prompt": "a red ball", "seed": 5, "deterministic": True, **wishes}
    source = (await client.post("/v1/videos", json=asked)).json()
    body = {"prompt": source["optimization"]["written_prompt"], "seed": -1, "priority": "high", "preview": True}
    again = (await client.post(f"/v1/videos/{source['id']}/remix", json=body)).json()
    same = ("prompt", "size", "num_frames", "fps", "quality", "model", "total_steps")
    assert [again[name] for name in same] == [source[name] for name in same]
    told = ("asked_tier", "style", "written_prompt", "deterministic", "sampler", "budget", "guidance")
    assert [again["optimization"][name] for name in told] == [source["optimization"][name] for name in told]
    assert (again["seed"], again["priority"]) == (7, "high")  # the one that this planner draws


async def test_a_video_that_a_restore_has_lost_says_so(house: House, client: httpx.AsyncClient) -> None:
    gone = f"video_{'0' * 32}"
    assert (await client.get(f"/v1/videos/{gone}")).json()["error"]["code"] == "video_not_found"
    await house.board.put(lost_mark(gone), {"why": UNKNOWN}, 60.0)
    for address in (f"/v1/videos/{gone}", f"/v1/videos/{gone}/content"):
        answer = await client.get(address)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], UNKNOWN in error["message"]) == (404, "video_lost", True)


async def test_a_scene_of_a_storyboard_says_whose_it_is(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    assert job["storyboard"] is None
    scene = a_job(storyboard=("story_0123456789", 3))
    await house.jobs.create(scene)
    told = (await client.get(f"/v1/videos/{scene.id}")).json()
    assert told["storyboard"] == {"id": "story_0123456789", "scene": 3}
    assert Video.parse(told).storyboard == StoryboardScene("story_0123456789", 3)
    assert Video.parse(job).storyboard is None
