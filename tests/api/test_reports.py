"""Where the time of a video went, asked over HTTP: under way, made, answered from a cache, behind another, gone."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.api.report_schema import VideoReport
from app.jobs.reports.account import attempt_entry
from tests.api.house import House

pytestmark = pytest.mark.anyio


async def report(client: httpx.AsyncClient, video_id: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/videos/{video_id}/report")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert VideoReport.model_validate(found).model_dump() == found
    return found


def names(found: dict[str, Any]) -> list[str]:
    return [stage["name"] for stage in found["stages"]]


async def test_a_job_in_the_line_is_told_from_its_request_on(client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    found = await report(client, job["id"])
    assert names(found) == ["received", "analysed", "cache_lookup", "admitted", "line"]
    assert (found["stages"][-1]["duration_s"], found["waits"][0]["cause"]) == (None, "line")
    assert (found["status"], found["completed_at"], found["trace_id"]) == ("queued", None, None)
    assert found["stages"][0]["host_memory_bytes"] > 0


async def test_a_running_job_has_its_attempt(house: House, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    fence = await house.run(job["id"])
    told = {"replica": "r1", "leased_at": 1.0, "began_at": 1.0, "runs": [{"batch": 2, "steps": 3, "took_s": 0.5}]}
    await house.events.note(job["id"], {attempt_entry(fence): told})
    found = await report(client, job["id"])
    [attempt] = found["attempts"]
    assert (attempt["replica"], attempt["fence"], attempt["outcome"]) == ("r1", fence, "running")
    assert attempt["batches"] == [{"batch": 2, "steps": 3, "took_s": 0.5}]


async def test_a_packed_step_names_the_callers_own_jobs_alone(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    own = (await client.post("/v1/videos", json={"prompt": "a blue box"})).json()["id"]
    mates = [{"job": own, "shape": [9, 8, 8]}, {"job": "video_of_another", "shape": [5, 8, 8]}]
    fence = await house.run(job["id"])
    runs = [{"batch": 3, "steps": 2, "took_s": 0.5, "packed": mates}]
    told = {"replica": "r1", "leased_at": 1.0, "began_at": 1.0, "runs": runs}
    await house.events.note(job["id"], {attempt_entry(fence): told})
    [batch] = (await report(client, job["id"]))["attempts"][0]["batches"]
    assert batch["packed"] == [{"job": own, "shape": "9x8x8"}, {"job": None, "shape": None}]


async def test_a_repeat_names_the_job_whose_video_it_was_given(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    await house.complete(job["id"])
    again = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
    found = await report(client, again["id"])
    assert (found["cache"]["kind"], found["cache"]["made_by"], found["attempts"]) == ("result", job["id"], [])
    assert "cached_files" in names(found)
    assert found["bottleneck"]["sentence"].startswith("Answered from the cache")


async def test_a_follower_waits_for_its_leader_until_both_are_done(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    behind = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
    [wait] = (await report(client, behind["id"]))["waits"]
    assert (wait["cause"], wait["by"], wait["duration_s"]) == ("flight", [job["id"]], None)
    await house.complete(job["id"])
    found = await report(client, behind["id"])
    assert (found["cache"]["kind"], found["cache"]["made_by"]) == ("flight", job["id"])
    assert [(wait["cause"], wait["by"]) for wait in found["waits"]] == [("flight", [job["id"]])]


async def test_a_follower_that_has_to_be_made_after_all_says_since_when(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    behind = (await client.post("/v1/videos", json={"prompt": "a red ball"})).json()
    await client.post(f"/v1/videos/{job['id']}/cancel")
    await house.resolve(await house.jobs.get(job["id"]))
    found = await report(client, behind["id"])
    assert [wait["cause"] for wait in found["waits"]] == ["flight", "line"]
    assert found["waits"][0]["duration_s"] is not None


async def test_a_cancelled_job_keeps_its_report_until_it_is_deleted(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    await client.post(f"/v1/videos/{job['id']}/cancel")
    found = await report(client, job["id"])
    assert [stage["note"] for stage in found["stages"] if stage["name"] == "closed"] == ["cancelled"]
    await client.delete(f"/v1/videos/{job['id']}")
    gone = await client.get(f"/v1/videos/{job['id']}/report")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "video_not_found")
    assert await house.events.account(job["id"]) == {}


async def test_the_report_of_anothers_video_is_not_there() -> None:
    house = House(api_keys={"mine": "one", "yours": "two"})
    async with house.client() as client:
        mine = {"authorization": "Bearer one"}
        mine_or_yours = [mine, {"authorization": "Bearer two"}]
        answer = await client.post("/v1/videos", json={"prompt": "a red ball"}, headers=mine)
        path = f"/v1/videos/{answer.json()['id']}/report"
        assert [(await client.get(path, headers=who)).status_code for who in mine_or_yours] == [200, 404]


async def test_a_job_that_comes_after_another_names_it(client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    wish = {"prompt": "a blue box", "after": [job["id"]]}
    later = (await client.post("/v1/videos", json=wish)).json()
    found = await report(client, later["id"])
    assert [(wait["cause"], wait["by"], wait["duration_s"]) for wait in found["waits"]] == [
        ("dependency", [job["id"]], None)
    ]
    assert found["bottleneck"]["name"] == "dependency"
