"""The finish of the OpenAPI document: the page that FastAPI makes comes in; what its code cannot tell is added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.api.body_schemas import REF, Page, name_bodies
from app.api.event_schemas import EVENTS
from app.api.field_meanings import MEANINGS
from app.api.route_outcomes import (
    EVERYWHERE,
    HEADERS,
    NO_RETRY,
    RATES,
    RETRY,
    SENTENCES,
    STEP_SECONDS,
    codes_of,
    makes_jobs,
)
from app.api.storyboard_events import STORY_EVENTS

_PARAMETERS: Final = {
    "video_id": "The video's id",
    "story_id": "The storyboard's id",
    "n": "The scene's number, from 1",
    "style_id": "The style's id",
    "lora": "The LoRA's id or name",
    "model_id": "The model's id, or another name of it",
    "character_id": "OpenAI's id of a character",
    "key_id": "The key's id",
    "limit": "Entries of a page",
    "range": "`bytes=first-last`: a part of the file",
    "if-range": "The ETag: a part only of that very file",
    "if-none-match": "The ETag of what you have; 304 if it is still that",
    "model": "The model's id",
    "complexity": "A class of prompts",
    "level": "One level; all, if not given",
    "last_event_id": "Replay what came after that event",
}


def completed(page: Page) -> Page:
    """The page with every parameter and field explained, every outcome listed, and the WebSocket."""
    schemas = page["components"]["schemas"]
    _add_events(page, schemas)
    for path, methods in page["paths"].items():
        for method, operation in methods.items():
            _explain_parameters(operation)
            _add_request_id(operation)
            name_bodies(operation, schemas)
            _list_outcomes(operation, method, path)
    page["paths"]["/v1/videos/{video_id}/ws"] = _socket("video", "video_id", "VideoEvent")
    if "/v1/storyboards" in page["paths"]:
        page["paths"]["/v1/storyboards/{story_id}/ws"] = _socket("storyboard", "story_id", "StoryboardEvent")
    for schema in schemas.values():
        for name, field in schema.get("properties", {}).items():
            if "description" not in field and name in MEANINGS:
                field["description"] = MEANINGS[name]
    return page


def _explain_parameters(operation: Page) -> None:
    for each in operation.get("parameters", ()):
        if "description" not in each and each["name"] in _PARAMETERS:
            each["description"] = _PARAMETERS[each["name"]]


def _add_request_id(operation: Page) -> None:
    """The header that names a request, where there is a body.

    It is read everywhere; but of a body in several forms with no parameter beside it openapi-python-client makes a
    module that cannot be imported.
    """
    if "requestBody" in operation:
        about = "A name of your own for the request, for logs: letters, digits and `_.:-`, up to 128"
        operation["parameters"] = [*operation.get("parameters", ()), _parameter("x-request-id", "header", about, False)]


def _list_outcomes(operation: Page, method: str, path: str) -> None:
    """Each status with its codes instead of FastAPI's 422, which is never answered here; and the headers of each."""
    answers = operation["responses"]
    answers.pop("422", None)
    scopes = _scopes(operation)
    if scopes:
        said = operation.get("description", "")
        operation["description"] = f"{said}\n\nScope of the key: {', '.join(f'`{each}`' for each in scopes)}.".strip()
    for status, codes in codes_of(method, path, scopes).items():
        row = answers.setdefault(str(status), {})
        row["description"] = f"{SENTENCES[status]}: {', '.join(f'`{code}`' for code in codes)}"
        row.setdefault("content", {"application/json": {"schema": {"$ref": f"{REF}ErrorBody"}}})
    for status, answer in answers.items():
        headers = dict(EVERYWHERE)
        headers |= HEADERS.get(f"{method.upper()} {path}", {}) if status.startswith("2") else {}
        headers |= RATES if scopes is not None else {}
        headers |= STEP_SECONDS if makes_jobs(method, path) else {}
        headers |= RETRY if status in ("429", "503") else NO_RETRY if status in ("409", "501") else {}
        answer["headers"] = headers


def _scopes(operation: Page) -> list[str] | None:
    """The scopes that a key needs there, which OpenAPI 3.1 has with the bearer scheme; None: it asks for no key."""
    security = operation.get("security")
    return None if security is None else sorted({scope for row in security for each in row.values() for scope in each})


def _add_events(page: Page, schemas: Page) -> None:
    told = {**EVENTS, **{f"storyboard {kind}": model for kind, model in STORY_EVENTS.items()}}
    _, definitions = models_json_schema(
        [(model, "serialization") for model in told.values()], ref_template=REF + "{model}"
    )
    for name, schema in definitions["$defs"].items():
        schemas.setdefault(name, schema)
    _add_stream(page, "VideoEvent", EVENTS, "/v1/videos/{video_id}/events", "/v1/events")
    if "/v1/storyboards" in page["paths"]:
        _add_stream(page, "StoryboardEvent", STORY_EVENTS, "/v1/storyboards/{story_id}/events")


def _add_stream(page: Page, name: str, kinds: Mapping[str, type[BaseModel]], *paths: str) -> None:
    """Name the events of a kind of stream, and have the routes at these paths answer with them."""
    page["components"]["schemas"][name] = {
        "title": name,
        "description": "One event. A WebSocket's message is this object; among server-sent events `event`, `id` and "
        "`data` are fields of the stream, `data` being JSON.",
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "event": {"type": "string", "enum": list(kinds), "description": "What happened"},
            "id": {"type": ["string", "null"], "description": "What `Last-Event-ID` names; a snapshot may have none"},
            "data": {
                "description": "By the name of the event: " + ", ".join(f"{n}: {m.__name__}" for n, m in kinds.items()),
                "anyOf": [{"$ref": REF + model.__name__} for model in kinds.values()],
            },
        },
    }
    for path in paths:
        stream = page["paths"][path]["get"]["responses"]["200"]
        stream["content"]["text/event-stream"] = {
            "schema": {"type": "string", "description": f"Server-sent events; each is a {name}"},
            "itemSchema": {"$ref": f"{REF}{name}"},  # OpenAPI 3.2
        }


def _socket(what: str, id_name: str, event: str) -> Page:
    """As far as OpenAPI can say it: the handshake in its own words, the messages in prose and as schemas."""
    about = (
        f"A WebSocket. Messages to you are `{event}`s as JSON texts, and the event `error` with a `Problem`; the "
        f'message `{{"type": "cancel"}}` from you stops the {what}. A browser gives its key as the subprotocol '
        "`kinoray-key.<key>`. It closes with 1000 at the end, 4401 (key), 4403 (its scopes, or another site's page), "
        f"4404 (no such {what}), 1009 (your message is too large) or 1013 (come again later)."
    )
    operation: Page = {
        "tags": [f"{what}s"],
        "summary": f"Follow a {what} over a WebSocket",
        "operationId": f"follow_{what}_over_a_websocket",
        "description": about,
        "parameters": [
            _parameter(id_name, "path", f"The {what}'s id", True),
            _parameter("last_event_id", "query", "Replay what came after that event", False),
        ],
        "responses": {
            "101": {"description": "The story is told as messages"},
            "426": {
                "description": "Not asked for as a WebSocket: `upgrade_required`",
                "headers": dict(EVERYWHERE),
                "content": {"application/json": {"schema": {"$ref": f"{REF}ErrorBody"}}},
            },
        },
        "x-websocket": {
            "send": {"type": "object", "required": ["type"], "properties": {"type": {"const": "cancel"}}},
            "receive": {"$ref": f"{REF}{event}"},
        },
    }
    return {"get": operation}


def _parameter(name: str, place: str, about: str, required: bool) -> Page:
    return cast(
        Page, {"name": name, "in": place, "required": required, "description": about, "schema": {"type": "string"}}
    )
