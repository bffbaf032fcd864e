"""What /docs says is all there is, explained, and what the service really does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import orjson
import pytest

from app.access.scopes import SCOPES
from app.api.requests.fields import ALIASES, MERGED
from app.api.requests.image_fields import IMAGE_ALIASES, CreateImage
from app.api.requests.style_fields import STYLE_ALIASES
from tests.api.house import House
from tests.api.test_bad_input import BODIES, RAW

pytestmark = pytest.mark.anyio

PAGE: dict[str, Any] = House().app.openapi()
CREATE = PAGE["paths"]["/v1/videos"]["post"]
RED = {"prompt": "a red ball"}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in PAGE["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def bodies(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The fields of a body, by content type."""
    content = operation.get("requestBody", {}).get("content", {})
    return {kind: named(each["schema"])["properties"] for kind, each in content.items() if "$ref" in each["schema"]}


def named(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema that a reference names."""
    found: dict[str, Any] = PAGE["components"]["schemas"][schema["$ref"].removeprefix("#/components/schemas/")]
    return found


OPERATIONS = dict(operations())
ANY_KEY = {
    *("GET /v1/models", "GET /v1/models/{model_id}", "GET /v1/model_info", "POST /api/vitals"),
    *("POST /v1/videos/edits", "POST /v1/videos/characters", "GET /v1/videos/characters/{character_id}"),
}


def test_asking_for_a_video_comes_first() -> None:
    assert next(iter(OPERATIONS)) == "POST /v1/videos"


def test_a_key_is_a_bearer_token() -> None:
    (scheme,) = PAGE["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert all("security" in each for name, each in OPERATIONS.items() if "/v1/" in name and "/ws" not in name)


@pytest.mark.parametrize("name", [name for name, each in OPERATIONS.items() if "security" in each])
def test_the_scope_of_each_route_is_listed_with_its_refusal(name: str) -> None:
    operation = OPERATIONS[name]
    (scopes,) = operation["security"][0].values()
    assert set(scopes) <= set(SCOPES)
    assert len(scopes) == (0 if name in ANY_KEY else 1)
    refusal = operation["responses"].get("403", {}).get("description", "")
    assert ("`insufficient_scope`" in refusal) == bool(scopes)
    assert all(f"`{scope}`" in operation["description"] for scope in scopes)


def test_every_name_that_a_client_may_send_is_in_the_schema() -> None:
    for kind, fields in bodies(CREATE).items():
        assert {*ALIASES, *MERGED} <= set(fields), kind
    known = {name for name, own in IMAGE_ALIASES.items() if own in CreateImage.model_fields}
    assert known <= set(bodies(OPERATIONS["POST /v1/images/generations"])["application/json"])
    assert set(STYLE_ALIASES) <= set(bodies(OPERATIONS["POST /v1/styles"])["application/json"])


def test_a_form_has_a_file_chooser_and_fields_of_one_type_with_nothing_filled_in() -> None:
    form = bodies(CREATE)["multipart/form-data"]
    assert form["input_reference"] | {"description": ""} == {"type": "string", "format": "binary", "description": ""}
    assert {field["type"] for field in form.values()} <= {"string", "integer", "number", "boolean"}
    assert [name for name, field in form.items() if {"default", "example"} & set(field)] == ["prompt"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_parameter_and_field_is_explained(name: str) -> None:
    operation = OPERATIONS[name]
    for fields in bodies(operation).values():
        assert [field for field, schema in fields.items() if not schema.get("description")] == []
    for parameter in operation.get("parameters", ()):
        assert parameter.get("description") or parameter["schema"].get("description"), parameter["name"]


@pytest.mark.parametrize("name", PAGE["components"]["schemas"])
def test_every_field_of_an_answer_is_explained(name: str) -> None:
    fields = PAGE["components"]["schemas"][name].get("properties", {})
    assert [field for field, schema in fields.items() if not ("description" in schema or "$ref" in schema)] == []


@pytest.mark.parametrize("name", [name for name, each in OPERATIONS.items() if "200" in each["responses"]])
def test_every_200_is_typed_and_has_its_headers(name: str) -> None:
    answer = OPERATIONS[name]["responses"]["200"]
    assert all(each["schema"] for each in answer["content"].values())
    assert {"x-request-id", "server-timing"} <= set(answer["headers"])


def test_the_websocket_is_there_with_its_messages() -> None:
    socket = OPERATIONS["GET /v1/videos/{video_id}/ws"]
    assert socket["x-websocket"]["receive"] == {"$ref": "#/components/schemas/VideoEvent"}


@pytest.mark.parametrize("case", BODIES)
async def test_each_refusal_of_a_video_is_listed(case: str, client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/videos", json=BODIES[case][0])
    said = CREATE["responses"][str(answer.status_code)]["description"]
    assert f"`{answer.json()['error']['code']}`" in said


@pytest.mark.parametrize("case", RAW)
async def test_each_refusal_of_a_body_is_listed(case: str, client: httpx.AsyncClient) -> None:
    kind, body, _, _ = RAW[case]
    answer = await client.post("/v1/videos", content=body, headers={"content-type": kind} if kind else {})
    said = CREATE["responses"][str(answer.status_code)]["description"]
    assert f"`{answer.json()['error']['code']}`" in said


async def test_a_page_of_another_site_is_listed_where_it_is_refused(client: httpx.AsyncClient) -> None:
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    for name, operation in OPERATIONS.items():
        method, path = name.split(" ")
        if path.endswith(("/events", "/ws")):
            continue  # the one never ends, the other is no request
        answer = await client.request(method, path.replace("{", "").replace("}", ""), headers=foreign)
        listed = "`cross_origin`" in operation["responses"].get("403", {}).get("description", "")
        refused = answer.status_code == 403 and "cross_origin" in answer.text
        assert listed == refused, name


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
async def test_the_headers_of_an_answer_are_listed(method: str, house: House, client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/videos", json=RED)).json()["id"]
    path, address = (
        ("/v1/videos", "/v1/videos") if method == "POST" else ("/v1/videos/{video_id}", f"/v1/videos/{made}")
    )
    answer = await client.request(method, address, json=RED if method == "POST" else None)
    listed = set(OPERATIONS[f"{method} {path}"]["responses"]["200"]["headers"])
    assert set(answer.headers) - {"content-type", "content-length", "content-encoding", "vary"} <= listed


def told(text: str) -> Iterator[dict[str, Any]]:
    for block in text.replace("\r\n", "\n").strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
        if "event" in fields:
            yield {"event": fields["event"], "id": fields.get("id"), "data": orjson.loads(fields["data"])}


async def test_real_events_are_as_the_document_has_them(house: House, client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/videos", json=RED)).json()["id"]
    await house.complete(made)
    events = list(told((await client.get(f"/v1/videos/{made}/events")).text))
    assert {event["event"] for event in events} >= {"snapshot", "phase", "step", "end"}
    schema = {"$ref": "#/components/schemas/VideoEvent", "components": PAGE["components"]}
    for event in events:
        jsonschema.validate(event, schema)
        name = PAGE["components"]["schemas"]["VideoEvent"]["properties"]["data"]["description"]
        own = dict(each.split(": ") for each in name.partition("event: ")[2].split(", "))[event["event"]]
        jsonschema.validate(event["data"], schema | {"$ref": f"#/components/schemas/{own}"})
