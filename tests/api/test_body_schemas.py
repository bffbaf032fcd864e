"""Bodies of requests are named in the document, once each."""

from __future__ import annotations

from typing import Any

import pytest

from app.api.body_schemas import name_bodies

REF = "#/components/schemas/"
INNER = {"title": "Wish", "type": "object", "properties": {"mode": {"type": "string", "default": "use"}}}


def operation(**fields: Any) -> dict[str, Any]:
    whole = {"title": "Make", "type": "object", "properties": {"prompt": {"type": "string"}, **fields}}
    form = {"type": "object", "properties": {"prompt": {"type": "string"}}}
    content = {"application/json": {"schema": whole}, "multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}


def test_each_schema_of_a_body_and_in_it_gets_a_name() -> None:
    schemas: dict[str, Any] = {}
    asked = operation(wish={"anyOf": [INNER, {"type": "null"}]})
    name_bodies(asked, schemas)
    content = asked["requestBody"]["content"]
    assert [each["schema"]["$ref"] for each in content.values()] == [REF + "Make", REF + "MakeUpload"]
    assert schemas["Make"]["properties"]["wish"]["anyOf"][0] == {"$ref": REF + "Wish"}
    assert schemas["MakeUpload"]["title"] == "MakeUpload"


def test_a_default_is_said_in_words_since_generators_take_it_for_what_must_be_sent() -> None:
    schemas: dict[str, Any] = {}
    name_bodies(operation(wish=INNER), schemas)
    assert schemas["Wish"]["properties"]["mode"] == {"type": "string", "description": "Without it: `use`"}


def test_what_two_operations_share_is_named_once_and_left_as_it_was() -> None:
    schemas: dict[str, Any] = {}
    shared = operation(wish=INNER)["requestBody"]
    one, other = {"requestBody": shared}, {"requestBody": shared}
    name_bodies(one, schemas)
    name_bodies(other, schemas)
    assert one == other
    assert shared == operation(wish=INNER)["requestBody"]


def test_two_bodies_of_one_name_are_refused() -> None:
    schemas: dict[str, Any] = {}
    name_bodies(operation(), schemas)
    with pytest.raises(ValueError, match="both called Make"):
        name_bodies(operation(other={"type": "string"}), schemas)


def test_an_operation_without_a_body_stays() -> None:
    asked: dict[str, Any] = {"responses": {}}
    name_bodies(asked, {})
    assert asked == {"responses": {}}
