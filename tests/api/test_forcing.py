"""Films whose latent frames lag behind each other, as requests ask for them and models list them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from app.types import Segments
from tests.api.house import MODEL, House

pytestmark = pytest.mark.anyio
FILMS = replace(
    MODEL, id="films", frames=tuple(range(9, 100, 4)), segments=Segments(97, 17), pool="films", student=None
)
WISH = {"prompt": "a red ball", "model": "films", "num_inference_steps": 10, "num_frames": 97}


@pytest.fixture
async def asked() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=House(models=(MODEL, FILMS)).app)
    async with httpx.AsyncClient(transport=transport, base_url="http://kinoray") as client:
        yield client


async def test_a_film_lags_as_it_is_asked_to_in_json_in_a_form_and_in_a_remix(asked: httpx.AsyncClient) -> None:
    wish = WISH | {"ar_step": 5, "causal_block_size": 5}
    made = (await asked.post("/v1/videos", json=wish)).json()
    by_form = (await asked.post("/v1/videos", data={name: str(value) for name, value in wish.items()})).json()
    again = (await asked.post(f"/v1/videos/{made['id']}/remix", json={"prompt": "a blue ball"})).json()
    for each, steps in ((made, 30), (by_form, 30)):
        assert each["optimization"]["stages"][0]["steps"] == steps
    assert any("lags 5 steps" in reason for reason in again["optimization"]["reasons"])


async def test_models_say_who_takes_it_and_the_others_refuse(asked: httpx.AsyncClient) -> None:
    listed = {each["id"]: each["asynchronous"] for each in (await asked.get("/v1/models")).json()["data"]}
    assert listed == {MODEL.id: False, "films": True}
    refused = await asked.post("/v1/videos", json={"prompt": "a red ball", "ar_step": 1})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "ar_step")
