"""Rating a video, seeing what ratings do, and having them forgotten."""

from __future__ import annotations

from typing import Any, get_args

import httpx
import pytest

from app.api.routes.feedback import Class, Reason
from app.plan.feedback.feedback import REASONS
from app.plan.prompt.complexity import CLASSES
from tests.api.house import House

pytestmark = pytest.mark.anyio

RESET = "/api/optimization/feedback"


async def made(house: House, client: httpx.AsyncClient, prompt: str = "a red ball", **wishes: Any) -> str:
    """A completed video's id."""
    video: dict[str, Any] = (await client.post("/v1/videos", json={"prompt": prompt, **wishes})).json()
    await house.complete(video["id"])
    return str(video["id"])


async def rate(client: httpx.AsyncClient, video_id: str, **said: Any) -> httpx.Response:
    return await client.post(f"/v1/videos/{video_id}/feedback", json=said)


async def classes(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get("/api/stats")).json()["optimization"]["feedback"]["classes"]
    return found


def test_the_words_on_the_wire_are_the_planners() -> None:
    assert set(get_args(Reason)) == set(REASONS)
    assert get_args(Class) == tuple(row.name for row in CLASSES)


async def test_a_rating_is_kept_and_moves_its_class(house: House, client: httpx.AsyncClient) -> None:
    video_id = await made(house, client)
    said = (await rate(client, video_id, score=1, reasons=["too_rough"])).json()
    assert (said["score"], said["reasons"], said["complexity"], said["counted"]) == (1, ["too_rough"], "simple", True)
    assert (await client.get(f"/v1/videos/{video_id}/feedback")).json() == said
    row = (await classes(client))[0]
    assert (row["model"], row["tier"], row["complexity"], row["users"]) == ("shapes", "auto", "simple", 1)
    assert 1 < row["factor"] < 1.05


async def test_rating_again_replaces(house: House, client: httpx.AsyncClient) -> None:
    video_id = await made(house, client)
    for _ in range(30):
        await rate(client, video_id, score=1)
    await rate(client, video_id, score=5)
    assert (await client.get(f"/v1/videos/{video_id}/feedback")).json()["score"] == 5
    assert (await client.get(f"/v1/videos/{video_id}")).json()["rating"] == 5
    row = (await classes(client))[0]
    assert (row["ratings"], row["factor"] < 1) == (1, True)


async def test_one_caller_cannot_poison_a_class(house: House, client: httpx.AsyncClient) -> None:
    for seed in range(30):
        await rate(client, await made(house, client, seed=seed), score=1)
    one = (await classes(client))[0]
    assert (one["users"], one["factor"]) == (1, pytest.approx(1.25**0.2, abs=1e-3))
    for seed in range(30):
        await rate(client, await made(house, client, seed=100 + seed, user=f"made-up-{seed}"), score=1)
    assert (await classes(client))[0]["factor"] == pytest.approx(1.25**0.5, abs=1e-3)


async def test_a_budget_that_was_asked_for_says_nothing_of_the_class(house: House, client: httpx.AsyncClient) -> None:
    said = (await rate(client, await made(house, client, num_inference_steps=5), score=1)).json()
    assert said["counted"] is False
    assert await classes(client) == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "score"),
        ({"score": 0}, "score"),
        ({"score": 6}, "score"),
        ({"score": True}, "score"),
        ({"score": "5"}, "score"),
        ({"score": 4.5}, "score"),
        ({"score": 10**30}, "score"),
        ({"score": 3, "reasons": ["ugly"]}, "reasons.0"),
        ({"score": 3, "reasons": "too_slow"}, "reasons"),
        ({"score": 3, "reasons": ["too_slow"] * 6}, "reasons"),
        ({"score": 3, "why": "x" * 10_000}, "why"),
    ],
)
async def test_what_is_no_rating_is_refused(
    house: House, client: httpx.AsyncClient, body: dict[str, Any], param: str
) -> None:
    answer = await rate(client, await made(house, client), **body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert await classes(client) == []


async def test_a_form_can_rate_too(house: House, client: httpx.AsyncClient) -> None:
    place = f"/v1/videos/{await made(house, client)}/feedback"
    for form in (
        {"score": "2", "reasons": "too_slow, off_prompt"},
        {"score": "2", "reasons[]": ["off_prompt", "too_slow"]},
    ):
        said = (await client.post(place, data=form)).json()
        assert (said["score"], said["reasons"]) == (2, ["off_prompt", "too_slow"])


async def test_only_what_is_completed_and_there_can_be_rated(client: httpx.AsyncClient, job: dict[str, Any]) -> None:
    answer = await rate(client, job["id"], score=3)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "video_not_completed")
    for missing in ("video_00000000", "..", "x" * 300):
        assert (await rate(client, missing, score=3)).status_code == 404
    answer = await client.get(f"/v1/videos/{job['id']}/feedback")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "feedback_not_found")


async def test_everyone_resets_where_there_are_no_keys(house: House, client: httpx.AsyncClient) -> None:
    await rate(client, await made(house, client), score=1)
    await rate(client, await made(house, client, tier="premium"), score=1)
    assert (await client.delete(RESET, params={"tier": "high"})).json()["removed"] == 1
    assert [row["tier"] for row in await classes(client)] == ["auto"]
    assert (await client.delete(RESET, params={"complexity": "very_complex"})).json()["removed"] == 0
    for params, name in (({"complexity": "hard"}, "complexity"), ({"tier": "premum"}, "tier")):
        answer = await client.delete(RESET, params=params)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)
    assert (await client.delete(RESET)).json() == {"object": "feedback.reset", "scope": "all", "removed": 1}
    assert await classes(client) == []


async def test_tenants_rate_their_own_and_reset_their_own() -> None:
    house = House(api_keys={"ann": "a", "bob": "b", "boss": "c"}, operators=["boss"])
    ann, bob, boss = (house.client(headers={"authorization": f"Bearer {key}"}) for key in "abc")
    mine = await made(house, ann)
    assert (await rate(bob, mine, score=1)).status_code == 404
    assert (await bob.get(f"/v1/videos/{mine}/feedback")).status_code == 404
    await rate(ann, mine, score=1)
    await rate(bob, await made(house, bob), score=1)
    assert (await bob.delete(RESET)).json() == {"object": "feedback.reset", "scope": "own", "removed": 1}
    assert (await classes(boss))[0]["ratings"] == 1
    assert (await boss.delete(RESET)).json()["removed"] == 1
    for client in (ann, bob, boss):
        await client.aclose()
