"""The trace of what was asked for: operators' alone, page by page, and nothing of the prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.simulate.load.trace import read_trace
from tests.api.house import House
from tests.simulate.load.make import TIMES

pytestmark = pytest.mark.anyio
OPERATED: dict[str, Any] = {"api_keys": {"ann": "a", "boss": "b"}, "operators": ["boss"]}
ANN, BOSS = ({"authorization": f"Bearer {key}"} for key in "ab")


async def test_it_is_for_operators_and_takes_no_place_that_is_none() -> None:
    async with House(**OPERATED).client() as client:
        assert [(await client.get("/api/trace", headers=who)).status_code for who in ({}, ANN, BOSS)] == [401, 403, 200]
        for after in ("x", "nan~video_1", "1.0~", "1.0~../x"):
            answer = await client.get("/api/trace", headers=BOSS, params={"after": after})
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, "after")


async def test_what_has_ended_can_be_simulated_and_says_nothing_of_its_prompt(tmp_path: Path) -> None:
    house = House(**OPERATED)
    async with house.client(headers=ANN) as client:
        for prompt in ("a red ball", "a secret ball", "a red ball"):
            made = (
                await client.post("/v1/videos", json={"prompt": prompt, "seed": 7, "cache": {"mode": "off"}})
            ).json()
            await client.post(f"/v1/videos/{made['id']}/cancel")
        first = (await client.get("/api/trace", headers=BOSS, params={"limit": 2})).json()
        rest = (await client.get("/api/trace", headers=BOSS, params={"after": first["next"]})).json()
    rows = [*first["data"], *rest["data"]]
    assert (len(first["data"]), len(rows), rest["next"]) == (2, 3, None)
    assert "ball" not in str(rows)
    assert len({row["key"] for row in rows}) == 2
    path = tmp_path / "day.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    kinds, arrivals, *_ = read_trace(path, TIMES, None)
    assert len(arrivals) == 3
    assert [kind.forwards for kind in kinds] == [rows[0]["budget"]]
