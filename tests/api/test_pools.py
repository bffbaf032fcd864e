"""A pool that cannot start, seen from outside: by health, models, figures and metrics, and by who asks for it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from typing import Any

import httpx
import pytest

from app.jobs.board import BACKLOG
from app.service.health_checks import diffusers
from app.service.pools import DIFFUSER, StartNote, failure_name
from app.types import ReplicaInfo
from tests.api.house import MODEL, House
from tests.api.test_operations import samples

pytestmark = pytest.mark.anyio
WHY = "words: the LoRA style cannot be read"


async def broken_house() -> House:
    """Of two models, the second one's pool cannot start."""
    house = House(models=(MODEL, replace(MODEL, id="words", pool="words")))
    house.app.state.checks = {"diffuser": lambda: diffusers(house.service.pools)}
    await house.jobs.announce(ReplicaInfo("r1", "main", "shapes", 8, 0, 0.1, time.time()), 60.0)
    note = StartNote(time.time(), "words", "r2", WHY, True)
    await house.board.put(failure_name("words", DIFFUSER), asdict(note), 60.0)
    return house


@pytest.fixture
async def there() -> AsyncIterator[tuple[House, httpx.AsyncClient]]:
    house = await broken_house()
    async with house.client() as client:
        yield house, client


async def test_health_says_which_pool_and_why_while_others_go_on(there: tuple[House, httpx.AsyncClient]) -> None:
    _, client = there
    answer = await client.get("/health")
    body = answer.json()
    assert (answer.status_code, body["status"], body["failing"]) == (200, "degraded", ["diffuser"])
    assert WHY in body["components"]["diffuser"]["error"]
    for pool, status in (("main", 200), ("words", 503), ("x", 503)):
        assert (await client.get("/health", params={"pool": pool})).status_code == status
    of_words = (await client.get("/health", params={"pool": "words"})).json()
    assert (of_words["status"], WHY in of_words["error"]["message"]) == ("unavailable", True)


async def test_readiness_goes_by_pool_and_is_over_when_the_replicas_leave(
    there: tuple[House, httpx.AsyncClient],
) -> None:
    house, client = there
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "pools": {"main": True, "words": False}})
    for pool, status in (("main", 200), ("words", 503), ("x", 503)):
        assert (await client.get("/health/ready", params={"pool": pool})).status_code == status
    await house.jobs.announce(ReplicaInfo("r1", "main", "shapes", 8, 0, 0.1, time.time(), leaving=True), 60.0)
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["pools"]["main"]) == (503, False)
    assert "replicas are leaving" in answer.json()["error"]["message"]
    assert (await client.get("/health/live")).status_code == 200


async def test_health_is_unavailable_where_no_pool_is_there() -> None:
    house = await broken_house()
    house.jobs.replicas = nobody  # type: ignore[method-assign]
    async with house.client() as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert WHY in answer.json()["error"]["message"]


@pytest.mark.parametrize("pool", ["", "main", "x" * 99])
async def test_a_pool_is_not_ready_where_nobody_knows_of_pools(pool: str) -> None:
    async with House().client() as client:
        answer = await client.get("/health", params={"pool": pool})
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert f"there is no pool {pool} here" in answer.json()["error"]["message"]


async def nobody() -> list[ReplicaInfo]:
    return []


async def test_models_say_whether_they_are_ready(there: tuple[House, httpx.AsyncClient]) -> None:
    _, client = there
    told = {row["id"]: (row["ready"], row["unavailable"]) for row in (await client.get("/v1/models")).json()["data"]}
    assert told == {"shapes": (True, None), "words": (False, f"The pool words cannot start: {WHY}")}
    assert (await client.get("/v1/models/words")).json()["ready"] is False
    assert (await client.get("/v1/model_info", params={"model": "words"})).json()["ready"] is False


async def test_what_would_wait_for_ever_is_503_with_why_and_leaves_no_job(
    there: tuple[House, httpx.AsyncClient],
) -> None:
    house, client = there
    for path, body in (
        ("/v1/videos", {}),
        ("/v1/videos/sync", {}),
        ("/v1/videos", {"seed": -1}),
        ("/v1/videos", {"cache": {"mode": "bypass"}}),
    ):
        answer = await client.post(path, json={"prompt": "a red ball", "model": "words", **body})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (503, "model_unavailable", "model"), path
        assert WHY in error["message"]
        assert int(answer.headers["retry-after"]) >= 1
    assert await house.count() == 0
    assert (await client.post("/v1/videos", json={"prompt": "a red ball"})).status_code == 200


async def test_a_video_that_was_made_before_is_still_answered(there: tuple[House, httpx.AsyncClient]) -> None:
    house, client = there
    await house.board.forget(failure_name("words", DIFFUSER))
    body = {"prompt": "a red ball", "model": "words", "seed": 3}
    first = (await client.post("/v1/videos", json=body)).json()
    await house.complete(first["id"])
    await house.board.put(failure_name("words", DIFFUSER), asdict(StartNote(time.time(), "words", "r2", WHY)), 60.0)
    again = (await client.post("/v1/videos", json=body)).json()
    assert again["status"] == "completed"


async def test_figures_tell_each_pool(there: tuple[House, httpx.AsyncClient]) -> None:
    _, client = there
    pools = (await client.get("/api/stats")).json()["pools"]
    assert (pools["main"]["state"], pools["main"]["slots"], pools["main"]["error"]) == ("ready", 8, None)
    assert (pools["words"]["state"], pools["words"]["error"]) == ("failed", WHY)
    found = await samples(client)
    assert (found["kinoray_pool_ready", "shapes,main"], found["kinoray_pool_ready", "words,words"]) == (1, 0)
    assert found["kinoray_pool_start_failed", "words,words"] == 1
    assert found["kinoray_pool_start_failed", "shapes,main"] == 0


async def test_a_job_of_a_pool_without_replicas_has_no_eta_and_one_that_wakes_has(
    there: tuple[House, httpx.AsyncClient],
) -> None:
    house, client = there
    await house.board.forget(failure_name("words", DIFFUSER))
    waiting: dict[str, Any] = {"jobs": 0, "replicas": 0}
    line = {"jobs": 0, "pools": {"main": {**waiting, "replicas": 1}, "words": waiting}}
    await house.board.put(BACKLOG, line, 60.0)
    eta = {}
    for model in ("shapes", "words"):
        made = (await client.post("/v1/videos", json={"prompt": "a red ball", "model": model, "seed": 5})).json()
        eta[model] = made["eta_s"]
        promised_s = (await house.jobs.get(made["id"])).promised_s  # 0.0 on the wire, a number for clients
        assert (promised_s is None) == (model == "words")
    assert eta["shapes"] > 0
    assert eta["words"] is None
    await house.board.put(BACKLOG, {**line, "pools": {"words": {**waiting, "wanted": 1, "wait_s": 30.0}}}, 60.0)
    made = (await client.post("/v1/videos", json={"prompt": "a red ball", "model": "words", "seed": 6})).json()
    assert made["eta_s"] > 0
