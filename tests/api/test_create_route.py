"""A new video without a query is asked for in a way of its own: it says and refuses what the other way does."""

from __future__ import annotations

from typing import Any

import pytest

from app.api.requests.idempotency import HEADER
from tests.api.house import House

pytestmark = pytest.mark.anyio

KEYS = {"one": "a-key-of-some-length-one", "other": "a-key-of-some-length-two"}
MINE = {"authorization": f"Bearer {KEYS['one']}"}
TIMES = ("created_at", "id", "trace_id")


async def both(headers: dict[str, str], body: Any) -> list[tuple[int, Any, str | None]]:
    """The answers without a query and with one that asks for nothing, each by a house of its own."""
    answers = []
    for query in ("", "?nothing=1"):
        async with House(api_keys=KEYS).client() as http:
            answer = await http.post(f"/v1/videos{query}", json=body, headers=headers)
            told = {name: value for name, value in answer.json().items() if name not in TIMES}
            answers.append((answer.status_code, told, answer.headers.get("content-type")))
    return answers


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (MINE, {"prompt": "a red ball"}, 200),
        (MINE | {HEADER: "a-name"}, {"prompt": "a red ball"}, 200),
        (MINE | {HEADER: "no name"}, {"prompt": "a red ball"}, 400),
        (MINE, {"prompt": ""}, 400),
        (MINE, {"prompt": "a red ball", "seconds": "many"}, 400),
        (MINE, ["no object"], 400),
        ({}, {"prompt": "a red ball"}, 401),
        ({"authorization": "Bearer of-nobody-of-some-length"}, {"prompt": "a red ball"}, 401),
        ({HEADER: "no name"}, {"prompt": ""}, 401),
    ],
)
async def test_both_ways_answer_alike(headers: dict[str, str], body: Any, status: int) -> None:
    direct, usual = await both(headers, body)
    assert direct == usual
    assert direct[0] == status


async def test_a_name_given_one_way_is_known_the_other_way() -> None:
    house = House(api_keys=KEYS)
    async with house.client() as http:
        body, named = {"prompt": "a red ball"}, MINE | {HEADER: "a-name"}
        first, again = [await http.post(f"/v1/videos{query}", json=body, headers=named) for query in ("", "?nothing=1")]
    assert again.json()["id"] == first.json()["id"]
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
