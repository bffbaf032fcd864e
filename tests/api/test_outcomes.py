"""What a caller who waits is told when its job fails; and the `openai` package, which makes one job of one call."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import openai
import pytest

from app.api.outcomes import OUTCOMES
from app.errors import StoreUnavailable
from app.service import follower_reads
from app.types import Caller, Failure
from tests.api.house import MODEL, PICTURES, House
from tests.api.test_openai import http

pytestmark = pytest.mark.anyio

ENDS = {
    "cancelled": 409,
    "dependency_failed": 424,
    "timeout": 504,
    "out_of_memory": 500,
    "numerical_error": 500,
    "worker_lost": 500,
    "generation_failed": 500,
    "artifact_store_failed": 500,
    "what a later version says": 500,
}
FOG = "a lighthouse in fog"
FRESH = {"seed": -1}
BODIES: dict[str, dict[str, Any]] = {
    "/videos/sync": FRESH | {"prompt": "a red ball"},
    "/images/generations": FRESH | {"prompt": FOG},
}


@pytest.fixture
def house() -> House:
    return House(models=(MODEL, PICTURES))


async def end_all(house: House, code: str) -> None:
    """Whatever comes ends so."""
    while True:
        for job in await house.jobs.waiting():
            if code == "cancelled":
                await house.service.cancel(job.id, Caller())
                continue
            lease = await house.jobs.lease(job.id, "main", 30, time.time())
            await house.jobs.fail(job.id, lease.fence, Failure(code, "It did not work out."), time.time())
            await house.events.append(job.id, "end", time.time(), {"status": "failed"})
        await house.jobs.wait_for_work(5.0)


@pytest.fixture
async def sdk(house: House) -> AsyncIterator[openai.AsyncOpenAI]:
    """The package as it comes: it tries twice again what it takes for a passing fault."""
    transport = http.AsyncClient(transport=http.ASGITransport(app=house.app))
    async with openai.AsyncOpenAI(api_key="any", base_url="http://kinoray/v1", http_client=transport) as client:
        assert client.max_retries == 2
        yield client


async def error_of(sdk: openai.AsyncOpenAI, path: str) -> openai.APIStatusError:
    async def call() -> object:
        if path == "/images/generations":
            return await sdk.images.generate(prompt=FOG, extra_body=FRESH)
        return await sdk.post(path, body=BODIES[path], cast_to=object)

    with pytest.raises(openai.APIStatusError) as caught:
        await call()
    return caught.value


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("code", ENDS)
async def test_one_call_of_the_openai_package_makes_one_job_and_says_how_it_ended(
    house: House, sdk: openai.AsyncOpenAI, path: str, code: str
) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(end_all, house, code)
        error = await error_of(sdk, path)
        group.cancel_scope.cancel()
    assert (error.status_code, error.code) == (ENDS[code], code)
    assert error.response.headers["x-should-retry"] == "false"
    (job,) = (await house.jobs.list("public", None, 100, True)).jobs
    assert error.response.headers["x-video-id"] == job.id


@pytest.mark.parametrize("path", BODIES)
async def test_a_call_that_is_not_ready_in_time_makes_one_job_that_goes_on(path: str) -> None:
    house = House(models=(MODEL, PICTURES), sync_timeout_s=0.05)
    transport = http.AsyncClient(transport=http.ASGITransport(app=house.app))
    async with openai.AsyncOpenAI(api_key="any", base_url="http://kinoray/v1", http_client=transport) as sdk:
        error = await error_of(sdk, path)
    assert (error.status_code, error.code, await house.count()) == (504, "timeout", 1)
    assert [job.id for job in await house.jobs.waiting()] == [error.response.headers["x-video-id"]]


@pytest.mark.parametrize("path", BODIES)
async def test_a_store_that_goes_away_after_the_accept_makes_no_second_job(
    house: House, sdk: openai.AsyncOpenAI, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_reads, "PATIENCE_S", 0.1)

    async def away(*_: object) -> Any:
        raise StoreUnavailable("Redis does not answer.")

    house.events.read = away  # type: ignore[assignment]
    error = await error_of(sdk, path)
    assert (error.status_code, error.code, await house.count()) == (503, "store_unavailable", 1)


async def test_a_key_that_was_used_for_something_else_is_not_tried_again(house: House) -> None:
    async with house.client(headers={"Idempotency-Key": "k"}) as client:
        await client.post("/v1/videos", json={"prompt": "a red ball"})
        answer = await client.post("/v1/videos", json={"prompt": "a blue ball"})
    assert (answer.status_code, answer.headers["x-should-retry"]) == (409, "false")


async def test_what_may_pass_is_left_to_the_sdk_to_try_again() -> None:
    house = House(tenant_max_jobs=1)
    async with house.client() as client:
        await client.post("/v1/videos", json={"prompt": "a red ball"})
        answer = await client.post("/v1/videos/sync", json={"prompt": "a blue ball"})
    assert answer.status_code == 429
    assert "retry-after" in answer.headers
    assert "x-should-retry" not in answer.headers


def test_the_documentation_has_the_same_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    table = page.split("## How a job that is waited for ends")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", table, re.MULTILINE)
    told = {code: int(status) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    assert {code: told.get(code) for code in OUTCOMES} == dict(OUTCOMES)
    assert {code: status for code, status in ENDS.items() if code in OUTCOMES} == dict(OUTCOMES)


async def test_the_document_names_the_outcomes(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path in BODIES:
        assert {"409", "424", "500", "504"} <= set(paths[f"/v1{path}"]["post"]["responses"])
