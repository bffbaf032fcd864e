"""What /docs says beyond what the code tells: request bodies that are read by hand, and the errors of every route."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from app.api.problems import ErrorBody

ABOUT = """Text in, MP4 out, by the OpenAI Videos API: the `openai` package works unmodified.

Where keys are configured, send one as `Authorization: Bearer <key>`; the names under *operate* that a probe or a
browser asks (`/health`, `/metrics`, `/docs`) need none. Errors always look like
`{"error": {"code", "message", "param", "type"}}`."""

ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}}

EXAMPLES: dict[str, Any] = {
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


def form_or_json(model: type[BaseModel], examples: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI entry of a body that may be JSON or a form."""
    schema = _inlined(model.model_json_schema())
    first = next(iter(examples.values()))["value"]
    text = {name: value if isinstance(value, str) else str(value) for name, value in first.items()}
    content = {
        "application/json": {"schema": schema, "examples": examples},
        "multipart/form-data": {"schema": schema, "example": text},
        "application/x-www-form-urlencoded": {"schema": schema, "example": text},
    }
    return {"requestBody": {"required": True, "content": content}}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without references into itself."""
    inner = schema.pop("$defs", {})

    def fill(part: Any) -> Any:
        if isinstance(part, list):
            return [fill(each) for each in part]
        if not isinstance(part, dict):
            return part
        name = str(part.get("$ref", "")).rpartition("/")[2]
        return fill(inner[name]) if name in inner else {key: fill(value) for key, value in part.items()}

    filled: dict[str, Any] = fill(schema)
    return filled


def describe_api(app: FastAPI) -> None:
    """Have the OpenAPI page say 4XX where FastAPI says 422, which is never answered here."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            page = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
            for methods in page["paths"].values():
                for operation in methods.values():
                    operation["responses"].pop("422", None)
            app.openapi_schema = page
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def query_of(model: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI entry of the same fields in an address."""
    schema = _inlined(model.model_json_schema())
    required = schema.get("required", [])
    return {
        "parameters": [
            {"name": name, "in": "query", "required": name in required, "schema": part}
            for name, part in schema["properties"].items()
            if name != "cache"
        ]
    }
