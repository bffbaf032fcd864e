from __future__ import annotations

import pytest

from tests.api.house import House
from tests.logs.recorded import recorded
from tests.tracing.kept import ids, kept

pytestmark = pytest.mark.anyio
CALLER = f"00-{'4' * 32}-{'7' * 16}-01"
BODY = {"prompt": "an unmistakable heliotrope armadillo"}


async def test_a_job_is_below_its_request_in_the_callers_trace_and_says_so() -> None:
    house = House()
    with kept() as traced:
        async with house.client() as http:
            answer = await http.post("/v1/videos", json=BODY, headers={"traceparent": CALLER})
            await http.post(f"/v1/videos/{answer.json()['id']}/cancel")
        found = traced.spans()
    [request] = found["POST /v1/videos"]
    assert ids(request)[::2] == ("4" * 32, "7" * 16)
    assert answer.json()["trace_id"] == "4" * 32
    [job] = found["job"]
    assert ids(job)[::2] == ids(request)[:2]
    assert {ids(found[name][0])[2] for name in ("plan", "lookup", "record")} == {ids(request)[1]}
    assert "POST /v1/videos/{video_id}/cancel" in found


async def test_without_tracing_the_callers_trace_is_kept_with_the_job_all_the_same() -> None:
    house = House()
    async with house.client() as http:
        told = (await http.post("/v1/videos", json=BODY, headers={"traceparent": CALLER})).json()
        alone = (await http.post("/v1/videos", json={"prompt": "alone"})).json()
        wrong = (await http.post("/v1/videos", json={"prompt": "wrong"}, headers={"traceparent": "00-no"})).json()
    assert (await house.jobs.get(told["id"])).trace == CALLER
    assert (told["trace_id"], alone["trace_id"], wrong["trace_id"]) == ("4" * 32, None, None)


async def test_polls_have_no_spans_unless_who_asks_keeps_a_trace() -> None:
    house = House()
    with kept() as traced:
        async with house.client() as http:
            await http.get("/v1/videos")
            await http.get("/v1/videos", headers={"traceparent": CALLER})
        assert [ids(span)[0] for span in traced.spans()["GET /v1/videos"]] == ["4" * 32]


async def test_what_is_asked_is_a_line_with_the_requests_id_and_never_the_prompt() -> None:
    house = House(api_keys={"studio": "sk-planted-9a"})
    key = {"authorization": "Bearer sk-planted-9a"}
    with recorded() as log:
        async with house.client() as http:
            made = await http.post("/v1/videos", json=BODY, headers=key | {"x-request-id": "mine-1"})
            await http.post("/v1/videos", json=BODY | {"size": "1x1"}, headers=key)
            await http.get("/v1/videos", headers=key)
            await http.get("/v1/videos", headers={"authorization": "Bearer sk-wrong-77"})
            await http.get("/api/optimization/analyze", params=BODY, headers=key)
    accepted, answered, refused, turned_away = log.lines
    assert (accepted["message"], accepted["job"], accepted["request"]) == ("accepted", made.json()["id"], "mine-1")
    assert (answered["message"], answered["status"], answered["request"]) == ("POST /v1/videos", 200, "mine-1")
    assert (refused["status"], refused["code"]) == (400, "unsupported_size")
    assert (turned_away["message"], turned_away["status"]) == ("GET /v1/videos", 401)
    for hidden in ("heliotrope", "sk-planted", "sk-wrong", "studio"):
        assert hidden not in log.text


async def test_a_repeat_a_follower_a_cancel_and_a_deletion_are_lines_of_their_jobs() -> None:
    house = House()
    with recorded() as log:
        async with house.client() as http:
            first = (await http.post("/v1/videos", json=BODY)).json()["id"]
            follower = (await http.post("/v1/videos", json=BODY)).json()["id"]
            await house.complete(first)
            repeat = (await http.post("/v1/videos", json=BODY)).json()["id"]
            gone = (await http.post("/v1/videos", json={"prompt": "to be cancelled"})).json()["id"]
            await http.post(f"/v1/videos/{gone}/cancel")
            await http.delete(f"/v1/videos/{gone}")
    assert log.about(follower) == ["accepted", "completed"]
    assert log.about(repeat) == ["cached"]
    assert log.about(gone) == ["accepted", "is to be cancelled", "cancelled", "deleted"]
    assert [line["role"] for line in log.lines if line["message"] == "accepted"] == ["lead", "follow", "lead"]
