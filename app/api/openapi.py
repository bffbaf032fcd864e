"""What /docs says beyond what the code tells: request bodies that are read by hand, and the errors of every route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from app.api.problems import ErrorBody

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


def form_or_json(model: type[BaseModel], examples: Examples) -> Schema:
    """The OpenAPI entry of a body that may be JSON or a form."""
    schema = _inlined(model)
    first = next(iter(examples.values()))["value"]
    text = {name: value if isinstance(value, str) else str(value) for name, value in first.items()}
    content = {
        "application/json": {"schema": schema, "examples": examples},
        "multipart/form-data": {"schema": schema, "example": text},
        "application/x-www-form-urlencoded": {"schema": schema, "example": text},
    }
    return {"requestBody": {"required": True, "content": content}}


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


def describe_api(app: FastAPI) -> None:
    """Have the OpenAPI page say 4XX where FastAPI says 422, which is never answered here."""

    def openapi() -> Schema:
        if app.openapi_schema is None:
            page = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
            for methods in page["paths"].values():
                for operation in methods.values():
                    operation["responses"].pop("422", None)
            app.openapi_schema = page
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def query_of(model: type[BaseModel]) -> Schema:
    """The OpenAPI entry of the same fields in an address."""
    schema = model.model_json_schema()
    inner, required = schema.get("$defs", {}), schema.get("required", [])
    return {
        "parameters": [
            {"name": name, "in": "query", "required": name in required, "schema": _filled(part, inner)}
            for name, part in schema["properties"].items()
            if name != "cache"
        ]
    }
