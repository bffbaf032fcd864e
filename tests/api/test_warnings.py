"""Warnings on the wire: on the job, in the list, in an analysis, and read back from old and new records."""

from __future__ import annotations

import httpx
import orjson
import pytest

from app.jobs.record import job_from_json, job_to_json
from app.types import KnownWord, PlanWarning, Understood
from tests.api.house import House

pytestmark = pytest.mark.anyio


async def test_a_job_tells_what_is_not_as_asked(client: httpx.AsyncClient) -> None:
    body = {"prompt": "a red ball", "num_frames": 10, "generator_device": "cuda", "allow_degrade": True}
    video = (await client.post("/v1/videos", json=body)).json()
    assert {(each["code"], each["param"]) for each in video["warnings"]} == {
        ("rounded", "num_frames"),
        ("no_effect", "generator_device"),
        ("no_effect", "allow_degrade"),
    }
    assert all(each["message"] for each in video["warnings"])
    assert (await client.get(f"/v1/videos/{video['id']}")).json()["warnings"] == video["warnings"]
    assert (await client.post("/api/optimization/analyze", json=body)).json()["warnings"] == video["warnings"]


async def test_what_is_as_asked_has_an_empty_list(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()["warnings"] == []


async def test_a_record_keeps_them_and_an_older_one_has_none(house: House, client: httpx.AsyncClient) -> None:
    video = (await client.post("/v1/videos", json={"prompt": "a red ball", "num_frames": 10})).json()
    job = await house.jobs.get(video["id"])
    object.__setattr__(job.plan, "understood", Understood((KnownWord("ball", "shape circle"),), ("cat",)))
    kept = job_to_json(job)
    assert job_from_json(kept).plan == job.plan
    assert job.plan.warnings[0] == PlanWarning("rounded", job.plan.warnings[0].message, "num_frames")
    older = orjson.loads(kept)
    for name in ("warnings", "understood", "full_run"):
        del older["plan"][name]
    read = job_from_json(orjson.dumps(older)).plan
    assert (read.warnings, read.understood, read.full_run) == ((), None, 50)
