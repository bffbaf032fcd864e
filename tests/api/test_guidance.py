"""Where a walk is guided, and how, as requests say it, plans tell it and models list it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.types import GuidanceRule, TierOfModel
from tests.api.house import MODEL, House

pytestmark = pytest.mark.anyio
RED = "a red ball"
TIERS = (TierOfModel("preview", (4,) * 4, rule=GuidanceRule(0.25, 0.75)),)
RULED = replace(MODEL, tiers=TIERS)
ONE_PASS = replace(MODEL, id="distilled", guided_by="nothing", guidance=1.0, pool="other", student=None)


@pytest.fixture
async def asked() -> AsyncIterator[httpx.AsyncClient]:
    house = House(models=(RULED, ONE_PASS))
    transport = httpx.ASGITransport(app=house.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://kinoray") as client:
        yield client


RULE = {"start": 0.2, "stop": 0.6, "cfg_zero_star": True, "zero_init_steps": 2}
WISH = {"guidance_start": 0.2, "guidance_stop": 0.6, "cfg_zero_star": True, "zero_init_steps": 2}


async def test_a_plan_says_where_it_is_guided_in_json_and_in_a_form(asked: httpx.AsyncClient) -> None:
    by_json = await asked.post("/v1/videos", json={"prompt": RED, "num_inference_steps": 10, **WISH})
    assert by_json.json()["optimization"]["guidance_rule"] == RULE
    texts = {name: str(value).lower() for name, value in WISH.items()}
    by_form = await asked.post("/v1/videos", data={"prompt": RED, "num_inference_steps": "10", **texts})
    assert by_form.json()["optimization"]["guidance_rule"] == RULE
    plain = await asked.post("/v1/videos", json={"prompt": RED, "num_inference_steps": 10})
    assert plain.json()["optimization"]["guidance_rule"] is None
    costs = [each.json()["optimization"]["estimated_step_seconds"] for each in (by_json, plain)]
    assert costs[0] == pytest.approx(0.6 * costs[1], rel=0.01), "two steps run nothing, four are guided, four are not"


async def test_a_remix_is_guided_as_its_source(asked: httpx.AsyncClient) -> None:
    made = (await asked.post("/v1/videos", json={"prompt": RED, **WISH})).json()
    remix = await asked.post(f"/v1/videos/{made['id']}/remix", json={"prompt": "a blue ball"})
    assert remix.json()["optimization"]["guidance_rule"] == RULE


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"guidance_start": 1.5}, "guidance_start"),
        ({"guidance_stop": "half"}, "guidance_stop"),
        ({"guidance_start": 0.7, "guidance_stop": 0.3}, "guidance_stop"),
        ({"zero_init_steps": 2}, "zero_init_steps"),
        ({"cfg_zero_star": True, "zero_init_steps": -1}, "zero_init_steps"),
        ({"cfg_zero_star": "perhaps"}, "cfg_zero_star"),
        ({"model": "distilled", "guidance_stop": 0.5}, "guidance_stop"),
        ({"model": "distilled", "cfg_zero_star": True}, "cfg_zero_star"),
    ],
)
async def test_what_does_not_fit_is_400_by_its_field(
    asked: httpx.AsyncClient, wish: dict[str, Any], param: str
) -> None:
    answer = await asked.post("/v1/videos", json={"prompt": RED, **wish})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_models_say_what_they_take_and_what_their_tiers_do(asked: httpx.AsyncClient) -> None:
    ruled, distilled = (await asked.get("/v1/models")).json()["data"]
    assert (ruled["guidance_interval"], ruled["cfg_zero_star"]) == (True, True)
    assert (distilled["guidance_interval"], distilled["cfg_zero_star"]) == (False, False)
    told = {"start": 0.25, "stop": 0.75, "cfg_zero_star": False, "zero_init_steps": 0}
    assert [ruled["tiers"][tier]["guidance_rule"] for tier in ("preview", "standard")] == [told, None]
