"""Notes for the audit log what each request was and what came of it: changes, and whoever was turned away."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.audit.entry import AuditEntry, outcome_of
from app.access.audit.writer import AuditWriter
from app.api.auth import address_of
from app.errors import KinorayError
from app.settings import Settings
from app.types import Caller

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UNCHANGING: Final = frozenset(
    {
        "/api/optimization/analyze",
        "/v1/styles/recommend",
        "/v1/storyboards/analyze",
        "/v1/storyboards/draft",
        "/v1/voices/preview",
    }
)
"""Routes that change nothing by whatever method."""
CHUNKS: Final = "/v1/uploads/{upload_id}"
"""Whose PATCH is one of many: that an upload was begun, and what was refused, is told."""
DENIED: Final = frozenset({401, 403})
TRIED_TOO_OFTEN: Final = "too_many_wrong_keys"
_ID: Final = re.compile(r"(?!kr_)[a-z]+_[0-9a-z]{1,64}(,[a-z]+_[0-9a-z]{1,64}){0,15}")
"""The ids of ours; whatever else stands in an address may be anything, and stays out of the log."""


class Audit:
    """ASGI middleware, inside of what names the request; it adds nothing to the time until the answer."""

    def __init__(self, app: ASGIApp, writer: AuditWriter, settings: Settings) -> None:
        self._app = app
        self._writer, self._settings = writer, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, headers = 500, Headers()

        async def seen(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], Headers(raw=message["headers"])
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            if _is_told(scope, status):
                self._writer.note(_entry(HTTPConnection(scope), self._settings, _action(scope), status, headers))


def note_socket(
    connection: HTTPConnection, settings: Settings, writer: AuditWriter, error: KinorayError | None
) -> None:
    """What a WebSocket's client did, which can only be a cancel, or why it was turned away."""
    if error is None or error.status in DENIED:
        status = 200 if error is None else error.status
        connection.state.error_code = None if error is None else error.error_code
        action = f"WS {connection.scope['route'].path}"
        writer.note(_entry(connection, settings, action, status, {}))


def _is_told(scope: Scope, status: int) -> bool:
    state = scope.get("state", {})
    if status in DENIED or state.get("error_code") == TRIED_TOO_OFTEN:
        return True
    if scope["method"] == "PATCH" and status < 400 and getattr(scope.get("route"), "path", "") == CHUNKS:
        return False
    return scope["method"] not in SAFE and "route" in scope and scope["route"].path not in UNCHANGING


def _action(scope: Scope) -> str:
    route = scope.get("route")
    return f"{scope['method']} {route.path if route is not None else '(no such address)'}"


def _entry(
    connection: HTTPConnection, settings: Settings, action: str, status: int, headers: Mapping[str, str]
) -> AuditEntry:
    state: dict[str, Any] = connection.scope.get("state", {})
    who: Caller | None = state.get("caller")
    return AuditEntry(
        at=time.time(),
        action=action,
        outcome=outcome_of(status),
        status=status,
        request_id=str(state.get("request_id", "")),
        address=who.address if who is not None else address_of(connection, settings),
        tenant=None if who is None else who.tenant,
        key_id=None if who is None else who.key_id,
        resource=_resource(connection.scope, state, headers),
        code=state.get("error_code"),
    )


def _resource(scope: Scope, state: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    """The id of what was made, or else of what the address names."""
    named = next(iter(scope.get("path_params", {}).values()), None)
    found = state.get("resource") or headers.get("x-video-id") or named
    return str(found) if found is not None and _ID.fullmatch(str(found)) else None
