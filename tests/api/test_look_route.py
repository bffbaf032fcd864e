"""A look without a query is answered in a way of its own: it says and refuses what the route's other way does."""

from __future__ import annotations

import httpx
import pytest

from tests.api.house import House

pytestmark = pytest.mark.anyio

KEYS = {"one": "a-key-of-some-length-one", "other": "a-key-of-some-length-two"}
SAME = ("etag", "openai-poll-after-ms", "cache-control", "content-type")


def by(tenant: str) -> dict[str, str]:
    return {"authorization": f"Bearer {KEYS[tenant]}"}


async def both(
    http: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> list[tuple[int, bytes, list[str | None]]]:
    """The answers without a query and with one that asks for nothing."""
    answers = [await http.get(path + query, headers=headers) for query in ("", "?wait=0")]
    return [(each.status_code, each.content, [each.headers.get(name) for name in SAME]) for each in answers]


@pytest.mark.parametrize(
    "headers", [by("one"), by("other"), {}, {"authorization": "Basic abc"}, {"authorization": "x"}]
)
async def test_both_ways_answer_alike_whoever_asks(headers: dict[str, str]) -> None:
    house = House(api_keys=KEYS)
    async with house.client() as http:
        made = (await http.post("/v1/videos", json={"prompt": "a red ball"}, headers=by("one"))).json()
        await house.complete(made["id"])
        for path in (f"/v1/videos/{made['id']}", "/v1/videos/video_unknown", "/v1/videos/no%20id"):
            direct, usual = await both(http, path, headers)
            assert direct == usual
        seen = await http.get(f"/v1/videos/{made['id']}", headers=headers)
        assert seen.status_code == (200 if headers == by("one") else 404 if headers == by("other") else 401)


async def test_looks_of_both_ways_count_against_one_limit() -> None:
    house = House(api_keys=KEYS, limits={"tenant": {"rates": {"read": {"per_minute": 3}}}})
    async with house.client() as http:
        looks = [await http.get(f"/v1/videos/video_unknown{query}", headers=by("one")) for query in ("", "?wait=0") * 2]
    assert [each.status_code for each in looks] == [404, 404, 404, 429]
    assert {each.headers["x-ratelimit-limit-requests"] for each in looks} == {"3"}
