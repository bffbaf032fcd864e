"""Seeds come back exactly as they were meant, however they were written."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.api.house import House

pytestmark = pytest.mark.anyio

MOST = 2**63 - 1
SEEDS: list[tuple[Any, int]] = [
    (0, 0),
    (MOST, MOST),
    (str(MOST), MOST),
    (2**53 + 1, 2**53 + 1),
    (7.0, 7),
    (float(2**62), 2**62),
    ("7", 7),
    (" 7.0 ", 7),
    ("007", 7),
    ("1e3", 1000),
    ([MOST], MOST),
    (["12"], 12),
    (-1, 7),  # a fresh one: what the house draws
    ("-1", 7),
]


@pytest.mark.parametrize(("written", "meant"), SEEDS)
async def test_a_seed_is_echoed_exactly(written: Any, meant: int, house: House, client: httpx.AsyncClient) -> None:
    body = {"prompt": "a red ball", "seed": written}
    made = (await client.post("/v1/videos", json=body)).json()
    planned = (await client.post("/api/optimization/analyze", json=body)).json()
    for answer in (made, planned):
        assert (answer["seed"], answer["seed_text"]) == (meant, str(meant))
    assert (await house.jobs.get(made["id"])).plan.sampling.seed == meant


@pytest.mark.parametrize("text", [str(MOST), "[7]", "7.0", "-1"])
async def test_a_seed_in_a_form_or_an_address_is_the_same(text: str, client: httpx.AsyncClient) -> None:
    fields = {"prompt": "a red ball", "seed": text}
    meant = 7 if text != str(MOST) else MOST
    assert (await client.post("/v1/videos", data=fields)).json()["seed"] == meant
    assert (await client.get("/api/optimization/analyze", params=fields)).json()["seed"] == meant


async def test_no_seed_is_none_of_these(client: httpx.AsyncClient) -> None:
    for nothing in (None, ""):
        made = await client.post("/v1/videos", json={"prompt": "a red ball", "seed": nothing})
        assert 0 <= made.json()["seed"] < 2**31


@pytest.mark.parametrize("bad", [-2, MOST + 1, 1.5, "1.5", "seven", "0x10", True, "", {}, [[]], "٧"])
async def test_what_is_no_seed_is_refused_with_the_range(bad: Any, client: httpx.AsyncClient) -> None:
    body = json.dumps({"prompt": "a", "seed": [bad]})
    answer = await client.post("/v1/videos", content=body, headers={"content-type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "seed")
    assert f"from -1 to 2^63-1 ({MOST})" in error["message"]
