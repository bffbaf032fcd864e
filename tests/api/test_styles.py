"""Styles over the wire: listed, recommended, made, shared, deleted, and applied to a request."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.errors import ServiceUnavailable
from app.plan.styles.presets import MOST_OWN
from app.plan.styles.styles import TEMPLATES
from tests.api.house import House

pytestmark = pytest.mark.anyio

NIGHT = {
    "name": "Night",
    "after": "at night",
    "negative_prompt": "daylight",
    "steps": 12,
    "guidance_scale": 4,
    "fps": 8,
}
KEYS = {"ann": "key-a", "ben": "key-b"}


async def made(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post("/v1/styles", json={**NIGHT, **fields})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def opened(house: House, key: str) -> httpx.AsyncClient:
    return house.client(headers={"authorization": f"Bearer {key}"})


def refused(response: httpx.Response) -> tuple[int, str, str | None]:
    error = response.json()["error"]
    return response.status_code, error["code"], error["param"]


async def test_the_servers_styles_are_listed_first(client: httpx.AsyncClient) -> None:
    own = await made(client)
    listed = (await client.get("/v1/styles")).json()
    assert (listed["object"], [each["id"] for each in listed["data"]]) == ("list", [*TEMPLATES, own["id"]])
    first = listed["data"][0]
    assert (first["owner"], first["created_at"], first["tier"], first["uses"]) == ("server", None, "premium", 0)


async def test_a_style_is_kept_as_it_was_made(client: httpx.AsyncClient) -> None:
    own = await made(client, description="  For\u0000 the   dark. ", tier="HD")
    assert (own["owner"], own["shared"], own["description"], own["tier"]) == ("you", False, "For the dark.", "premium")
    assert (own["num_inference_steps"], own["guidance_scale"], own["fps"], own["before"]) == (12, 4.0, 8, "")
    assert (await client.get(f"/v1/styles/{own['id']}")).json() == own
    assert (await client.get("/v1/styles/social")).json()["name"] == "Social"


@pytest.mark.parametrize("how", ["data", "files"])
async def test_a_form_makes_a_style_too(how: str, client: httpx.AsyncClient) -> None:
    text = {name: str(value) for name, value in {**NIGHT, "before": "", "tier": ""}.items()}
    form: Any = {name: (None, value) for name, value in text.items()} if how == "files" else text
    own = (await client.post("/v1/styles", **{how: form})).json()
    assert (own["num_inference_steps"], own["guidance_scale"], own["tier"]) == (12, 4.0, None)


BAD: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "a field that nobody knows": ({"afer": "x"}, "unknown_parameter", "afer"),
    "no name": ({"name": ""}, "invalid_request", "name"),
    "only spaces for a name": ({"name": "  "}, "invalid_request", "name"),
    "a number for a name": ({"name": 7}, "invalid_request", "name"),
    "endless words": ({"after": "x" * 201}, "prompt_too_long", "after"),
    "a text for a number": ({"fps": "8"}, "invalid_request", "fps"),
    "no frames": ({"fps": 0}, "invalid_request", "fps"),
    "more steps than may be": ({"steps": 101}, "invalid_request", "steps"),
    "two numbers of steps": ({"num_inference_steps": 13}, "conflicting_parameters", "num_inference_steps"),
    "too much guidance": ({"guidance_scale": 99}, "invalid_request", "guidance_scale"),
    "a tier that is none": ({"tier": "golden"}, "unknown_tier", "tier"),
    "an id of one's own": ({"id": "cinematic"}, "unknown_parameter", "id"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_style_is_refused_by_name(case: str, client: httpx.AsyncClient) -> None:
    change, code, param = BAD[case]
    response = await client.post("/v1/styles", json={**NIGHT, **change})
    assert refused(response) == (400, code, param)
    assert len((await client.get("/v1/styles")).json()["data"]) == len(TEMPLATES)


async def test_a_misspelt_field_is_answered_with_the_right_one(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/styles", json={**NIGHT, "negativ_prompt": "x"})
    assert "Did you mean 'negative_prompt'?" in response.json()["error"]["message"]


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', "{}", '{"name": "x"}', '{"name": "x", "guidance_scale": NaN}'])
async def test_what_is_no_style_is_refused(body: str, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/styles", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400


async def test_a_tenant_keeps_a_hundred_styles(client: httpx.AsyncClient) -> None:
    for _ in range(MOST_OWN):
        await made(client)
    assert refused(await client.post("/v1/styles", json=NIGHT)) == (409, "too_many_styles", None)


async def test_tenants_see_of_each_other_only_what_is_shared() -> None:
    house = House(api_keys=KEYS)
    async with opened(house, "key-a") as ann, opened(house, "key-b") as ben:
        own = await made(ann)
        place = f"/v1/styles/{own['id']}"
        for method, where in (("GET", ""), ("DELETE", ""), ("POST", "/share"), ("DELETE", "/share")):
            assert refused(await ben.request(method, place + where)) == (404, "style_not_found", None)
        assert (await ann.post(f"{place}/share")).json()["shared"]
        seen = (await ben.get(place)).json()
        assert (seen["owner"], seen["name"]) == ("other", "Night")
        assert "ann" not in str(seen)
        assert [each["id"] for each in (await ben.get("/v1/styles")).json()["data"]][-1] == own["id"]
        assert (await ben.post("/v1/videos", json={"prompt": "a ball", "style": own["id"]})).status_code == 200
        for method, where in (("DELETE", ""), ("POST", "/share"), ("DELETE", "/share")):
            assert (await ben.request(method, place + where)).status_code == 404
        assert not (await ann.delete(f"{place}/share")).json()["shared"]
        answer = await ben.post("/v1/videos", json={"prompt": "a ball", "style": own["id"]})
        assert refused(answer) == (400, "unknown_style", "style")
        assert (await ann.delete(place)).json() == {"id": own["id"], "object": "style.deleted", "deleted": True}
        assert (await ann.get(place)).status_code == 404


async def test_without_a_key_nothing_is_told() -> None:
    async with House(api_keys=KEYS).client() as client:
        for method, address in (("GET", "/v1/styles"), ("POST", "/v1/styles"), ("GET", "/v1/styles/recommend")):
            assert (await client.request(method, address)).status_code == 401


@pytest.mark.parametrize(("method", "where"), [("DELETE", ""), ("POST", "/share"), ("DELETE", "/share")])
async def test_the_servers_styles_stay_as_they_are(method: str, where: str, client: httpx.AsyncClient) -> None:
    response = await client.request(method, f"/v1/styles/cinematic{where}")
    assert refused(response) == (409, "server_style", None)


@pytest.mark.parametrize("odd", ["style_0", "%2e%2e", "A", "x" * 200, "%00", "style:{a}"])
async def test_an_odd_id_is_not_found(odd: str, client: httpx.AsyncClient) -> None:
    for method in ("GET", "DELETE"):
        assert (await client.request(method, f"/v1/styles/{odd}")).status_code in (404, 405)


async def test_a_style_is_recommended_with_a_score_and_a_reason(client: httpx.AsyncClient) -> None:
    own = await made(client, name="Lagoon", description="Turtles under water")
    asked = {"prompt": "turtles swim under water", "limit": "2"}
    found = (await client.get("/v1/styles/recommend", params=asked)).json()
    best = found["data"][0]
    assert (found["prompt"], len(found["data"]), best["style"]["id"]) == (asked["prompt"], 2, own["id"])
    assert 0.0 < best["score"] <= 1.0
    assert "both speak of turtles, under, water" in best["reason"]
    assert (await client.post("/v1/styles/recommend", json={**asked, "limit": 2})).json() == found


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({}, "prompt"),
        ({"prompt": " "}, "prompt"),
        ({"prompt": "x" * 4001}, "prompt"),
        ({"prompt": "x", "limit": 0}, "limit"),
        ({"prompt": "x", "limit": 21}, "limit"),
        ({"promt": "x"}, "promt"),
    ],
)
async def test_a_bad_question_is_refused(asked: dict[str, Any], param: str, client: httpx.AsyncClient) -> None:
    for response in (
        await client.get("/v1/styles/recommend", params=asked),
        await client.post("/v1/styles/recommend", json=asked),
    ):
        assert (response.status_code, response.json()["error"]["param"]) == (400, param)


async def test_without_an_encoder_nothing_is_recommended(house: House, client: httpx.AsyncClient) -> None:
    async def away(texts: object) -> None:
        raise ServiceUnavailable("The text encoder is not running.")

    house.service.ports.sentences.embed = away  # type: ignore[method-assign,assignment]
    response = await client.get("/v1/styles/recommend", params={"prompt": "x"})
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


async def test_a_style_is_visible_in_the_plan(client: httpx.AsyncClient) -> None:
    own = await made(client)
    said = {"prompt": "a red ball", "style": own["id"]}
    video = (await client.post("/v1/videos", json=said)).json()
    plan = video["optimization"]
    assert (video["prompt"], plan["written_prompt"], plan["style"]) == ("a red ball, at night", "a red ball", own["id"])
    assert (plan["steps"], plan["guidance"], video["fps"]) == (12, 4.0, 8)
    assert "The style Night puts 'at night' behind the prompt" in plan["reasons"][-1]
    analysed = (await client.get("/api/optimization/analyze", params=said)).json()
    assert (analysed["style"], analysed["prompt"]) == (own["id"], "a red ball, at night")


async def test_what_the_request_says_comes_before_its_style(client: httpx.AsyncClient) -> None:
    said = {"prompt": "a red ball", "style": "cinematic", "tier": "preview", "negative_prompt": "blur"}
    plan = (await client.post("/v1/videos", json=said)).json()["optimization"]
    assert plan["tier"] == "preview"
    assert plan["reasons"][-1].endswith("What the request says itself decides the negative prompt, tier.")


async def test_an_unknown_style_is_refused_with_a_suggestion(house: House, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/videos", json={"prompt": "a red ball", "style": "cinematik"})
    assert refused(response) == (400, "unknown_style", "style")
    assert "Did you mean 'cinematic'?" in response.json()["error"]["message"]
    assert await house.count() == 0


async def test_a_style_that_the_model_cannot_honour_is_named(client: httpx.AsyncClient) -> None:
    own = await made(client, fps=60)
    response = await client.post("/v1/videos", json={"prompt": "a red ball", "style": own["id"]})
    assert refused(response) == (400, "unsupported_fps", "style")


async def test_the_figures_of_use_are_told(house: House, client: httpx.AsyncClient) -> None:
    for tenant, at in (("public", 5.0), ("ben", 7.0)):
        await house.presets.count("social", tenant, at)
    social = (await client.get("/v1/styles/social")).json()
    assert (social["uses"], social["your_uses"], social["last_used_at"]) == (2, 1, 5)


async def test_a_remix_has_its_sources_style_and_says_so_where_that_is_no_more(
    client: httpx.AsyncClient,
) -> None:
    own = await made(client)
    asked = {"prompt": "a red ball", "style": own["id"]}
    source = (await client.post("/v1/videos", json=asked)).json()
    path, other = f"/v1/videos/{source['id']}/remix", {"prompt": "a blue ball"}
    assert (await client.post(path, json=other)).json()["prompt"] == "a blue ball, at night"
    await client.delete(f"/v1/styles/{own['id']}")
    left = (await client.post(path, json=other)).json()
    assert (left["prompt"], left["optimization"]["style"], left["fps"]) == ("a blue ball", None, source["fps"])
    assert [(each["code"], each["param"]) for each in left["warnings"]] == [("style_gone", "style")]
