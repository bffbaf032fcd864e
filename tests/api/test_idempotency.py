"""The same request again under the client's own key, jobs that come after others, and what a tenant may have."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from app.service.dependencies import release_dependants
from tests.api.house import House

pytestmark = pytest.mark.anyio

BALL = {"prompt": "a red ball", "seed": 3}
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


async def ask(client: httpx.AsyncClient, body: dict[str, Any] = BALL, **headers: str) -> httpx.Response:
    return await client.post("/v1/videos", json=body, headers=KEY | headers)


async def test_asking_again_is_answered_with_the_same_job(house: House, client: httpx.AsyncClient) -> None:
    first, again = await ask(client), await ask(client)
    assert again.status_code == 200
    assert again.json()["id"] == first.json()["id"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    await house.complete(first.json()["id"])
    assert (await ask(client)).json()["status"] == "completed"
    assert await house.count() == 1


async def test_a_form_that_says_the_same_is_the_same_request(house: House, client: httpx.AsyncClient) -> None:
    first = await ask(client)
    form = {"prompt": (None, "a red ball"), "seed": (None, "3")}
    again = await client.post("/v1/videos", files=form, headers=KEY)
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (first.json()["id"], "true")


async def test_a_burst_under_one_key_is_one_job(house: House, client: httpx.AsyncClient) -> None:
    for body in (BALL, BALL | {"cache": {"mode": "off"}}):
        key = {"Idempotency-Key": str(hash(str(body)))}
        answers = await asyncio.gather(*(client.post("/v1/videos", json=body, headers=key) for _ in range(20)))
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sum("idempotent-replayed" in answer.headers for answer in answers) == 19
    assert await house.count() == 2


async def test_a_key_that_was_used_for_something_else_is_refused(house: House, client: httpx.AsyncClient) -> None:
    await ask(client)
    answer = await ask(client, {"prompt": "a blue ball"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert answer.json()["error"]["param"] == "Idempotency-Key"
    assert await house.count() == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é".encode(), "tab\there"])
async def test_a_key_that_is_not_fit_to_be_kept_is_refused(
    house: House, client: httpx.AsyncClient, key: str | bytes
) -> None:
    headers = [(b"idempotency-key", key if isinstance(key, bytes) else key.encode())]
    answer = await client.post("/v1/videos", json=BALL, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_idempotency_key")
    assert await house.count() == 0


async def test_a_refused_request_leaves_its_key_free(house: House, client: httpx.AsyncClient) -> None:
    assert (await ask(client, {"prompt": ""})).status_code == 400
    assert (await ask(client)).status_code == 200


async def test_a_repeat_from_the_cache_has_its_key_too(house: House, client: httpx.AsyncClient) -> None:
    await house.complete((await client.post("/v1/videos", json=BALL)).json()["id"])
    first, again = await ask(client), await ask(client)
    assert first.json()["cache"]["kind"] == "result"
    assert again.json()["id"] == first.json()["id"]
    assert await house.count() == 2


async def test_the_key_of_a_deleted_job_makes_no_other(house: House, client: httpx.AsyncClient) -> None:
    made = (await ask(client)).json()["id"]
    await client.delete(f"/v1/videos/{made}")
    assert (await ask(client)).json()["error"]["code"] == "idempotency_key_spent"
    assert await house.count() == 0


async def test_tenants_have_keys_of_their_own() -> None:
    house = House(api_keys={"a": "key-a", "b": "key-b"})
    async with house.client() as client:
        made = [(await ask(client, Authorization=f"Bearer key-{name}")).json()["id"] for name in "ab"]
    assert made[0] != made[1]


async def test_sync_takes_a_key(house: House, client: httpx.AsyncClient) -> None:
    made = (await ask(client)).json()["id"]
    await house.complete(made)
    answer = await client.post("/v1/videos/sync", json=BALL, headers=KEY)
    assert (answer.status_code, answer.headers["x-video-id"]) == (200, made)
    assert answer.headers["idempotent-replayed"] == "true"


async def test_a_remix_takes_a_key(house: House, client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    path, body = f"/v1/videos/{job['id']}/remix", {"prompt": "a blue ball"}
    made = [(await client.post(path, json=body, headers=KEY)).json()["id"] for _ in range(2)]
    assert made[0] == made[1]


async def test_a_job_says_what_it_waits_for_until_that_has_completed(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    made = (await client.post("/v1/videos", json=BALL | {"after": [job["id"]]})).json()
    assert (made["status"], made["queue_position"], made["eta_s"]) == ("queued", None, None)
    assert made["after"] == made["waiting_for"] == [job["id"]]
    await house.complete(job["id"])
    await release_dependants(house.service.ports, 1.0)
    now = (await client.get(f"/v1/videos/{made['id']}")).json()
    assert (now["queue_position"], now["after"], now["waiting_for"]) == (0, [job["id"]], [])


async def test_the_same_video_asked_for_by_others_does_not_wait_with_it(
    house: House, client: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    later = (await client.post("/v1/videos", json=BALL | {"after": job["id"]})).json()
    now = (await client.post("/v1/videos", json=BALL)).json()
    assert (later["queue_position"], now["queue_position"]) == (None, 1)
    await house.complete(now["id"])
    at_once = (await client.post("/v1/videos", json=BALL | {"after": job["id"]})).json()
    assert (at_once["status"], at_once["cache"]["kind"]) == ("completed", "result")


@pytest.mark.parametrize("end", ["cancel", "delete"])
async def test_when_what_it_waits_for_ends_badly_so_does_the_job_and_its_stream(
    house: House, client: httpx.AsyncClient, job: dict[str, Any], end: str
) -> None:
    made = (await client.post("/v1/videos", json=BALL | {"after": [job["id"]]})).json()["id"]
    stream = asyncio.ensure_future(client.get(f"/v1/videos/{made}/events"))
    path = f"/v1/videos/{job['id']}"
    await (client.delete(path) if end == "delete" else client.post(f"{path}/cancel"))
    await release_dependants(house.service.ports, 1.0)
    now = (await client.get(f"/v1/videos/{made}")).json()
    assert (now["status"], now["error"]["code"]) == ("failed", "dependency_failed")
    assert job["id"] in now["error"]["message"]
    assert "dependency_failed" in (await asyncio.wait_for(stream, 5.0)).text


@pytest.mark.parametrize(
    ("after", "status"), [(["video_00000000"], 404), (["../x"], 404), ([7], 400), (["video_00000000"] * 33, 400)]
)
async def test_what_cannot_be_waited_for_is_refused_by_name(
    house: House, client: httpx.AsyncClient, after: list[Any], status: int
) -> None:
    answer = await client.post("/v1/videos", json=BALL | {"after": after})
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, "after")
    if status == 404:
        assert after[0] in answer.json()["error"]["message"]
    assert await house.count() == 0


async def test_a_form_may_name_several(house: House, client: httpx.AsyncClient) -> None:
    ids = [(await client.post("/v1/videos", json={"prompt": f"ball {n}"})).json()["id"] for n in range(2)]
    made = await client.post("/v1/videos", data={"prompt": "a ball", "after[]": ids})
    assert made.json()["waiting_for"] == sorted(ids)


async def test_a_tenants_limits_are_told_and_kept() -> None:
    house = House(tenant_max_jobs=2, tenant_step_seconds=1000.0)
    async with house.client() as client:
        bodies = [{"prompt": f"a ball {number}"} for number in range(6)]
        answers = await asyncio.gather(*(client.post("/v1/videos", json=body) for body in bodies))
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) == 4
        assert {answer.json()["error"]["code"] for answer in refused} == {"tenant_jobs_limit"}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        share = (await client.get("/api/stats")).json()["tenant"]
        assert (share["name"], share["jobs"], share["running"], share["most_jobs"]) == ("public", 2, 0, 2)
        assert 0 < share["step_seconds"] < share["most_step_seconds"]


async def test_an_accepted_job_keeps_the_wait_that_its_class_was_promised(
    house: House, client: httpx.AsyncClient
) -> None:
    row = {"jobs": 2, "replicas": 1, "wait_s": 3000.0, "ahead_s": {"low": 3000.0, "normal": 2000.0, "high": 12.5}}
    await house.board.put("backlog", {"wait_s": 3000.0, "jobs": 2, "pools": {"main": row}}, 60.0)
    urgent = await client.post("/v1/videos", json=BALL | {"priority": "high"})
    assert (urgent.status_code, urgent.json()["promised_s"]) == (200, 12.5)
    assert (await client.post("/v1/videos", json={"prompt": "a blue ball"})).status_code == 429
