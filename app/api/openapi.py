"""What /docs says beyond what the code tells: request bodies that are read by hand, and the errors of every route."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from types import MappingProxyType
from typing import TypedDict, cast

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel

from app import __version__
from app.api.document import completed
from app.api.problems import ErrorBody
from app.api.requests.fields import MERGED

TITLE = "Kinoray"
ABOUT = """Text in, MP4 out, by the OpenAI Videos API: the `openai` package works unmodified.

Where keys are configured, send one as `Authorization: Bearer <key>`; the names under *operate* that a probe or a
browser asks (`/health`, `/metrics`, `/docs`) need none. Errors always look like
`{"error": {"code", "message", "param", "type"}}`."""

Schema = dict[str, object]


class Example(TypedDict):
    """A body that can be tried."""

    summary: str
    value: Mapping[str, object]


Examples = Mapping[str, Example]

ERRORS: dict[int | str, Schema] = {"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}}

EXAMPLES: Examples = {
    "short": {"summary": "A prompt is enough", "value": {"prompt": "a red ball bounces on sand"}},
    "openai": {
        "summary": "As the openai package asks",
        "value": {"prompt": "a green ring orbits, a white star spins", "size": "128x128", "seconds": "2"},
    },
    "exact": {
        "summary": "Tier, seed and caches",
        "value": {
            "prompt": "a blue square spins on a sand background",
            "tier": "premium",
            "seed": 7,
            "cache": {"mode": "off"},
        },
    },
}


def form_or_json(
    model: type[BaseModel], examples: Examples, aliases: Mapping[str, str] = MappingProxyType({}), file: str = ""
) -> Schema:
    """The OpenAPI entry of a body that may be JSON or a form.

    `aliases` are other names for its fields, `file` the field that may be an uploaded file.
    """
    schema = _with_aliases(_inlined(model), aliases)
    first = next(iter(examples.values()))["value"]
    form = form_schema(schema, first)
    content = {
        "application/json": {"schema": schema, "examples": examples},
        "multipart/form-data": {"schema": _with_file(form, file)},
        "application/x-www-form-urlencoded": {"schema": form},
    }
    return {"requestBody": {"required": True, "content": content}}


def json_only(model: type[BaseModel], examples: Examples) -> Schema:
    """The OpenAPI entry of a body that is JSON, having lists of objects that no form says well."""
    content = {"application/json": {"schema": _inlined(model), "examples": examples}}
    return {"requestBody": {"required": True, "content": content}}


def upload_form(model: type[BaseModel], file: str) -> Schema:
    """The OpenAPI entry of a body that is a file: in a form with other fields, or bare, with those in the address."""
    schema = _inlined(model)
    bare = {"type": "string", "format": "binary"}
    content = {
        "multipart/form-data": {"schema": {**_with_file(form_schema(schema, {}), file), "title": model.__name__}},
        "application/octet-stream": {"schema": bare},
    }
    fields = cast(dict[str, dict[str, object]], form_schema(schema, {})["properties"])
    parameters = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": f"{field['description']} (with a bare file)",
            "schema": {key: value for key, value in field.items() if key != "description"},
        }
        for name, field in fields.items()
        if name != file
    ]
    return {"requestBody": {"required": True, "content": content}, "parameters": parameters}


def _with_aliases(schema: Schema, aliases: Mapping[str, str]) -> Schema:
    """The schema with each other name that a client may send, and the objects whose fields stand beside the others."""
    fields = cast(dict[str, dict[str, object]], schema["properties"])
    named = {
        name: {**fields[own], "title": name, "description": f"The same as `{own}`"}
        for name, own in aliases.items()
        if own in fields
    }
    merged = {name: {"type": ["object", "null"], "description": "May hold any of the other fields"} for name in MERGED}
    return {**schema, "properties": {**fields, **named, **merged}}


def form_schema(schema: Schema, example: Mapping[str, object]) -> Schema:
    """The same fields as a form has them: each of one type, objects as JSON, nothing filled in but the example."""
    fields = cast(dict[str, dict[str, object]], schema["properties"])
    plain = {name: _plain_field(field) for name, field in fields.items()}
    for name, value in example.items():
        if isinstance(value, (str, int, float)):
            plain[name]["example"] = value
    return {"type": "object", "required": schema.get("required", []), "properties": plain}


def _plain_field(field: Mapping[str, object]) -> dict[str, object]:
    kinds = cast(list[dict[str, object]], field.get("anyOf") or [dict(field)])
    kind = next(({**each} for each in kinds if each.get("type") != "null"), {})
    if kind.get("type") not in ("string", "integer", "number", "boolean"):
        kind = {"type": "string"}
    kept: dict[str, object] = {
        name: kind[name] for name in ("type", "minimum", "maximum", "maxLength", "enum", "format") if name in kind
    }
    return {**kept, "description": field.get("description", "")}


def _with_file(form: Schema, file: str) -> Schema:
    fields = cast(dict[str, dict[str, object]], form["properties"])
    if file not in fields:
        return form
    chosen = {"type": "string", "format": "binary", "description": fields[file]["description"]}
    return {**form, "properties": {**fields, file: chosen}}


def _inlined(model: type[BaseModel]) -> Schema:
    """The model's schema without references into itself."""
    schema = model.model_json_schema()
    inner = schema.pop("$defs", {})
    return {name: _filled(part, inner) for name, part in schema.items()}


def _filled(part: object, inner: Mapping[str, object]) -> object:
    if isinstance(part, list):
        return [_filled(each, inner) for each in part]
    if not isinstance(part, dict):
        return part
    name = str(part.get("$ref", "")).rpartition("/")[2]
    if name in inner:
        return _filled(inner[name], inner)
    return {key: _filled(value, inner) for key, value in part.items()}


def describe_api(app: FastAPI, made: Callable[[], Schema]) -> None:
    """Have an application's OpenAPI page be a copy of what `made` answers, which is asked when the page first is."""

    def openapi() -> Schema:
        if app.openapi_schema is None:
            app.openapi_schema = deepcopy(made())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def document(routers: Sequence[APIRouter]) -> Schema:
    """The OpenAPI page of these routers, which says what the code of the routes cannot."""
    routes = [route for router in routers for route in router.routes]
    page = get_openapi(title=TITLE, version=__version__, description=ABOUT, routes=routes)
    page["paths"] = dict(sorted(page["paths"].items(), key=lambda path: path[0] != "/v1/videos"))  # that first
    _with_bodies_as_written(page, routers)
    return completed(page)


def _with_bodies_as_written(page: Schema, routers: Sequence[APIRouter]) -> None:
    """Bodies as their routes have them: FastAPI makes floats of bounds on some paths, and 2^63-1 has no float."""
    paths = cast(dict[str, dict[str, Schema]], page["paths"])
    for route in (route for router in routers for route in router.routes):
        written = route.openapi_extra or {} if isinstance(route, APIRoute) and route.include_in_schema else {}
        if isinstance(route, APIRoute) and "requestBody" in written:
            for method in route.methods or ():
                paths[route.path_format][method.lower()]["requestBody"] = written["requestBody"]


def query_of(model: type[BaseModel], aliases: Mapping[str, str] = MappingProxyType({})) -> Schema:
    """The OpenAPI entry of the same fields in an address."""
    schema = form_schema(_with_aliases(_inlined(model), aliases), {})
    fields = cast(dict[str, dict[str, object]], schema["properties"])
    required = cast(list[str], schema["required"])
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "description": field["description"],
                "schema": {key: value for key, value in field.items() if key != "description"},
            }
            for name, field in fields.items()
            if name not in ("cache", "webhook", "prepare", *MERGED)
        ]
    }
