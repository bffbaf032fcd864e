"""Voices over the wire: who may narrate, and how one sounds before it is used."""

from __future__ import annotations

import httpx
import pytest

from tests.api.films import UNSPEAKABLE
from tests.api.house import House

pytestmark = pytest.mark.anyio
PREVIEW = "/v1/voices/preview"


async def test_who_may_narrate_is_listed(client: httpx.AsyncClient) -> None:
    told = (await client.get("/v1/voices")).json()
    assert told["available"] is True
    assert told["data"][0] == {"id": "anna", "object": "voice", "language": "de", "name": "Anna"}


async def test_a_few_words_are_heard_and_spoken_once(house: House, client: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer = await client.post(PREVIEW, json={"text": "Good day.", "voice": "bob", "speed": 1.5})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/flac")
        assert answer.content == b"Good day."
    assert house.films.spoken == ["Good day."]


async def test_what_was_heard_is_the_narration_of_a_storyboard(house: House, client: httpx.AsyncClient) -> None:
    await client.post(PREVIEW, json={"text": "Once there was a ball."})
    scene = {"prompt": "a red ball", "narration": "Once there was a ball."}
    told = (await client.post("/v1/storyboards", json={"scenes": [scene]})).json()
    assert told["scenes"][0]["narration_cached"] is True
    assert house.films.spoken == ["Once there was a ball."]


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "text", "invalid_request"),
        ({"text": "  "}, "text", "invalid_request"),
        ({"text": "a" * 301}, "text", "invalid_request"),
        ({"text": "\x07"}, "text", "invalid_request"),
        ({"text": UNSPEAKABLE}, "text", "invalid_request"),
        ({"text": "Oui.", "language": "fr"}, "language", "invalid_request"),
        ({"text": "Hm.", "language": "no language"}, "language", "invalid_request"),
        ({"text": "Hm.", "speed": 3}, "speed", "invalid_request"),
        ({"text": "Hm.", "pitch": 3}, "pitch", "unknown_parameter"),
    ],
)
async def test_what_cannot_be_said_names_its_field(
    body: dict[str, object], param: str, code: str, house: House, client: httpx.AsyncClient
) -> None:
    answer = await client.post(PREVIEW, json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, code)
    assert not house.films.spoken


async def test_where_there_is_no_voice_it_is_said(house: House, client: httpx.AsyncClient) -> None:
    house.films.dumb = True
    assert (await client.get("/v1/voices")).json() == {"object": "list", "available": False, "data": []}
    answer = await client.post(PREVIEW, json={"text": "Hm."})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_voice")


async def test_a_key_needs_the_scope_of_storyboards() -> None:
    house = House(api_keys={"boss": "boss-secret"}, operators=["boss"])
    async with house.client(headers={"authorization": "Bearer boss-secret"}) as boss:
        made = (await boss.post("/v1/keys", json={"name": "n", "tenant": "one", "scopes": ["videos:write"]})).json()
        assert (await boss.get("/v1/voices")).status_code == 200
    async with house.client(headers={"authorization": f"Bearer {made['key']}"}) as client:
        for answer in (await client.get("/v1/voices"), await client.post(PREVIEW, json={"text": "Hm."})):
            assert (answer.status_code, answer.json()["error"]["param"]) == (403, "storyboards")


async def test_previews_count_as_requests_that_make_something() -> None:
    house = House(limits={"tenant": {"rates": {"submit": {"per_minute": 1}}}})
    async with house.client() as client:
        assert (await client.post(PREVIEW, json={"text": "One."})).status_code == 200
        assert (await client.post(PREVIEW, json={"text": "Two."})).status_code == 429
        assert (await client.get("/v1/voices")).status_code == 200
