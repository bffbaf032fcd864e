"""Request bodies of the document: schemas written out in place come in, and go out by name, for generated clients.

A generator makes one type of each name; of what is written out more than once it makes several, or gives up.
"""

from __future__ import annotations

from typing import Any, Final, cast

import orjson

Page = dict[str, Any]
REF: Final = "#/components/schemas/"
_SUFFIXES: Final = {"multipart/form-data": "Upload", "application/x-www-form-urlencoded": "Form"}


def name_bodies(operation: Page, schemas: Page) -> None:
    """Have an operation name the schemas of its body, which are put among the others.

    A form is named after what may be sent as JSON, or, alone, after what it is made of. What the operation was made of
    is left as it is: others share it.
    Raises ValueError: two different schemas have one name.
    """
    body = operation.get("requestBody")
    if body is None:
        return
    titles = [each["schema"]["title"] for kind, each in body["content"].items() if "title" in each["schema"]]
    if "application/json" in body["content"]:
        titles = [body["content"]["application/json"]["schema"]["title"]]
    content = {
        kind: {**each, "schema": _put(titles[0] + _SUFFIXES.get(kind, ""), each["schema"], schemas)}
        if "properties" in each["schema"]
        else each  # bare bytes
        for kind, each in body["content"].items()
    }
    operation["requestBody"] = {**body, "content": content}


def _put(name: str, schema: Page, schemas: Page) -> Page:
    named = {**cast(Page, _with_names(schema, schemas, whole=True)), "title": name}
    named["properties"] = {field: _with_default_said(each) for field, each in named["properties"].items()}
    if schemas.setdefault(name, named) != named:
        raise ValueError(f"two bodies of requests are both called {name}")
    return {"$ref": REF + name}


def _with_names(part: object, schemas: Page, whole: bool = False) -> object:
    """The same with each object that has a name of its own in place of what it is written out as."""
    if isinstance(part, list):
        return [_with_names(each, schemas) for each in part]
    if not isinstance(part, dict):
        return part
    if not whole and "properties" in part and "title" in part:
        return _put(part["title"], part, schemas)
    return {key: _with_names(value, schemas) for key, value in part.items()}


def _with_default_said(field: Page) -> Page:
    """The field with its default in words: of a `default` some generators make a field that has to be sent."""
    default = field.get("default")
    if default is None:
        return {key: value for key, value in field.items() if key != "default"}
    plain = default if isinstance(default, str) else orjson.dumps(default).decode()
    said = f"{field.get('description', '')}. Without it: `{plain}`".removeprefix(". ")
    return {key: value for key, value in field.items() if key != "default"} | {"description": said}
