"""A draft over HTTP: asked for, refused, told of, and played while the job goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.types import STUDENT, Artifact, DraftUse, StudentOfModel, TierOfModel
from tests.api.house import MODEL, VIDEO, House

pytestmark = pytest.mark.anyio

TAUGHT = replace(
    MODEL,
    student=StudentOfModel("abc", (1.0, 0.9, 0.7, 0.4)),
    tiers=(TierOfModel("preview", (4, 4, 4, 4), guidance=1.0, weights=STUDENT),),
)
DRAFT = b"a draft" * 10
ASKED = {"prompt": "a red ball", "speculative": True}


async def asked(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    response = await client.post("/v1/videos", json=ASKED | more)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def shown(house: House, job_id: str, verdict: str = "pending") -> Artifact:
    """What a replica would do with a draft."""
    fence = (await house.jobs.lease(job_id, "main", 60.0, 200.0)).fence
    artifact = await house.artifacts.put(f"{job_id}/{fence}/draft.mp4", DRAFT, "video/mp4")
    use = DraftUse(verdict, artifact, "0" * 64, (await house.jobs.get(job_id)).created_at + 0.5)
    await house.jobs.note_draft(job_id, fence, use)
    return artifact


async def test_a_draft_is_planned_with_the_video_and_says_so() -> None:
    async with House(models=(TAUGHT,)).client() as client:
        video = await asked(client)
        plan = (await client.post("/api/optimization/analyze", json=ASKED)).json()
        told = (await client.get("/v1/models/shapes")).json()
    planned = {"evaluations": 4, "from_step": 0, "noise_level": 1.0, "calibrated": False}
    assert video["optimization"]["draft"] == plan["draft"] == planned
    assert video["draft"] == {
        "url": None,
        "after_s": None,
        "verdict": "pending",
        "from_step": 0,
        "noise_level": 1.0,
        "steps_saved": 0,
        "residual": None,
        "most_residual": None,
    }
    assert told["drafts"] is True


async def test_without_the_wish_there_is_none() -> None:
    async with House(models=(TAUGHT,)).client() as client:
        video = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
        content = await client.get(f"/v1/videos/{video['id']}/content", params={"variant": "draft"})
    assert (video["draft"], video["optimization"]["draft"]) == (None, None)
    assert content.status_code == 404


async def test_a_model_that_makes_no_drafts_refuses_with_a_code_and_the_field() -> None:
    async with House().client() as client:
        response = await client.post("/v1/videos", json=ASKED)
        told = (await client.get("/v1/models/shapes")).json()
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, "draft_unavailable", "speculative")
    assert told["drafts"] is False


async def test_the_draft_plays_while_the_job_goes_on_and_beside_the_video_afterwards() -> None:
    house = House(models=(TAUGHT,))
    async with house.client() as client:
        video = await asked(client)
        place = f"/v1/videos/{video['id']}/content"
        before = await client.get(place, params={"variant": "draft"})
        await shown(house, video["id"])
        under_way = (await client.get(f"/v1/videos/{video['id']}")).json()
        draft, none_yet = await client.get(place, params={"variant": "draft"}), await client.get(place)
        part = await client.get(place, params={"variant": "draft"}, headers={"range": "bytes=2-6"})
    assert (before.status_code, before.json()["error"]["code"]) == (404, "content_not_ready")
    assert (draft.status_code, draft.content, draft.headers["content-type"]) == (200, DRAFT, "video/mp4")
    assert (part.status_code, part.content) == (206, DRAFT[2:7])
    assert none_yet.status_code == 404
    assert under_way["draft"]["url"].endswith(f"{place}?variant=draft")
    assert under_way["draft"]["after_s"] == 0.5


async def test_a_follower_plays_the_draft_of_the_job_it_waits_for() -> None:
    house = House(models=(TAUGHT,))
    async with house.client() as client:
        first, second = await asked(client), await asked(client)
        await shown(house, first["id"])
        place = f"/v1/videos/{second['id']}/content"
        draft = await client.get(place, params={"variant": "draft"})
        told = (await client.get(f"/v1/videos/{second['id']}")).json()
    assert (draft.status_code, draft.content) == (200, DRAFT)
    assert told["draft"]["url"].endswith(f"{place}?variant=draft")


async def test_the_draft_of_a_job_that_failed_later_still_plays_to_its_own_tenant_alone() -> None:
    house = House(models=(TAUGHT,), api_keys={"one": "a", "two": "b"})
    mine, other = ({"authorization": f"Bearer {key}"} for key in ("a", "b"))
    async with house.client() as client:
        response = await client.post("/v1/videos", json=ASKED, headers=mine)
        assert response.status_code == 200, response.text
        place = f"/v1/videos/{response.json()['id']}"
        await shown(house, response.json()["id"])
        await client.post(f"{place}/cancel", headers=mine)
        draft = await client.get(f"{place}/content?variant=draft", headers=mine)
        theirs = await client.get(f"{place}/content?variant=draft", headers=other)
    assert (draft.status_code, draft.content, theirs.status_code) == (200, DRAFT, 404)


async def test_a_repeat_is_answered_with_the_plain_plans_video_at_once() -> None:
    house = House(models=(TAUGHT,))
    async with house.client() as client:
        plain = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
        await house.complete(plain["id"])
        video = await asked(client)
        content = await client.get(f"/v1/videos/{video['id']}/content")
    assert (video["status"], video["cache"]["kind"]) == ("completed", "result")
    assert (video["draft"]["verdict"], video["draft"]["url"]) == ("none", None)
    assert content.content == VIDEO


async def test_a_similar_start_beside_a_draft_has_no_effect_and_says_so() -> None:
    async with House(models=(TAUGHT,)).client() as client:
        video = await asked(client, cache={"similar": True})
    assert [(each["code"], each["param"]) for each in video["warnings"]] == [("no_effect", "cache.similar")]


async def test_a_form_may_ask_for_it_too_and_the_key_of_a_request_without_it_stays_what_it_was() -> None:
    async with House(models=(TAUGHT,)).client() as client:
        form = await client.post("/v1/videos", data={"prompt": "a red ball", "speculative": "true"})
        no = await client.post("/v1/videos", json={"prompt": "a red ball", "speculative": False})
    assert form.json()["optimization"]["draft"] is not None
    assert no.json()["optimization"]["draft"] is None


async def test_the_document_has_the_field_the_events_and_the_variant() -> None:
    async with House().client() as client:
        document = (await client.get("/openapi.json")).json()
    told = json.dumps(document)
    assert "speculative" in document["components"]["schemas"]["CreateVideo"]["properties"]
    assert {"DraftEvent", "RefineEvent", "VideoDraft", "PlannedDraft"} <= set(document["components"]["schemas"])
    assert '"draft"' in told
