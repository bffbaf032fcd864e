"""One storyboard through the real thing: Router, Dispatcher, Diffuser and Finisher under Serve, with Redis between."""

from __future__ import annotations

import io
from typing import Any

import av
import httpx
import pytest

from app.voice.espeak.process import installed
from cluster.local import LocalService
from tests.waiting import until

pytestmark = pytest.mark.anyio

SPOKEN = installed()
WISH: dict[str, Any] = {
    "title": "The ball",
    "scenes": [
        {"title": "Sand", "prompt": "a red ball bounces on sand", "tier": "preview"},
        {"prompt": "a blue square spins", "tier": "preview", "transition": "crossfade", "transition_seconds": 0.25},
    ],
}
if SPOKEN:
    WISH["scenes"][1]["narration"] = "It met a square."
    del WISH["scenes"][1]["transition_seconds"]


async def made(client: httpx.AsyncClient, wish: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post("/v1/storyboards", json=wish)
    assert answer.status_code == 200, answer.text
    story_id = answer.json()["id"]

    async def ended() -> dict[str, Any] | None:
        story: dict[str, Any] = (await client.get(f"/v1/storyboards/{story_id}")).json()
        return story if story["status"] in ("completed", "failed") else None

    found = await until(ended, within_s=180.0, every_s=0.1)
    assert found is not None
    return found


async def test_a_storyboard_becomes_a_film_and_again_the_same_at_once(service: LocalService) -> None:
    async with httpx.AsyncClient(base_url=service.url, timeout=60.0) as client:
        story = await made(client, WISH)
        assert story["status"] == "completed", story["error"]
        film = (await client.get(f"/v1/storyboards/{story['id']}/content")).content
        with av.open(io.BytesIO(film)) as container:
            frames = sum(1 for _ in container.decode(video=0))
            assert bool(container.streams.audio) is SPOKEN
        assert frames == round(float(story["seconds"]) * story["fps"])
        assert [scene["status"] for scene in story["scenes"]] == ["completed", "completed"]
        again = (await client.post("/v1/storyboards", json=WISH)).json()
        assert (again["status"], again["cached"], again["usage"]["generations"]) == ("completed", True, 0)
        same = (await client.get(f"/v1/storyboards/{again['id']}/content")).content
        assert same == film


async def test_editing_a_scene_makes_that_scene_alone(service: LocalService) -> None:
    async with httpx.AsyncClient(base_url=service.url, timeout=60.0) as client:
        story = await made(client, WISH)
        edited = (await client.patch(f"/v1/storyboards/{story['id']}/scenes/1", json={"prompt": "a green ball"})).json()
        assert edited["revision"] == 2

        async def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = (await client.get(f"/v1/storyboards/{story['id']}")).json()
            return found if found["status"] in ("completed", "failed") else None

        found = await until(ended, within_s=180.0, every_s=0.1)
        assert found is not None
        assert found["status"] == "completed", found["error"]
        assert found["usage"]["generations"] == 1
        assert found["scenes"][1]["video_id"] == story["scenes"][1]["video_id"]
