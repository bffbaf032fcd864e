"""Texts are drafted for the model that would make the film, the default one where none is named."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.embedded.profile import MODEL_ID
from app.models.vocabularies import readers, worlds
from app.storyboards.drafting.options import DraftTools
from tests.api.house import House

pytestmark = pytest.mark.anyio

DRAFT = "/v1/storyboards/draft"
TEXT = "The glacier melts. It was high. A red ball bounces on the sand."


@pytest.fixture
def house() -> House:
    found = House()
    found.app.state.drafting = DraftTools(worlds={"shapes": worlds()[MODEL_ID]})  # the default model of the house
    return found


@pytest.mark.parametrize("more", [{}, {"model": "shapes"}, {"model": "sora-2"}])
async def test_prompts_are_what_the_model_can_draw(more: dict[str, Any], client: httpx.AsyncClient) -> None:
    told = (await client.post(DRAFT, json={"text": TEXT, "scenes": 3, **more})).json()
    prompts = [scene["prompt"] for scene in told["storyboard"]["scenes"]]
    assert [readers()[MODEL_ID].understand(prompt)[1] for prompt in prompts] == [()] * 3
    assert told["storyboard"]["model"] == "shapes"
    assert {each["param"] for each in told["warnings"]} == {"scenes[0].prompt", "scenes[1].prompt"}
    assert "2 scenes speak of what shapes cannot draw" in told["notes"][0]


async def test_a_model_that_is_not_there_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post(DRAFT, json={"text": TEXT, "model": "nobody"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "model")


async def test_a_draft_can_be_planned_whatever_length_was_wished(client: httpx.AsyncClient) -> None:
    for wish in ({"seconds": 60}, {"narrate": False}, {"seconds": 60, "narrate": False, "scenes": 2}):
        told = (await client.post(DRAFT, json={"text": TEXT, **wish})).json()
        planned = await client.post("/v1/storyboards/analyze", json=told["storyboard"])
        assert planned.status_code == 200, (wish, planned.text)
