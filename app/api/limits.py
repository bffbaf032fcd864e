"""Keeps large bodies out: refused by their declared length at once, and by their real one while they come in."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.decompression import too_large
from app.api.problems import of_error, problem

MAX_FORM_FIELDS = 100
MAX_FORM_FILES = 4


class BodyLimit:
    """ASGI middleware: no more than `max_bytes` of body ever reach the application."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not (declared.isascii() and declared.isdigit()):
            await problem(400, "invalid_request", "The content-length is not a number.")(scope, receive, send)
            return
        if len(declared) > 18 or int(declared) > self._max_bytes:
            await of_error(too_large(self._max_bytes))(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                raise too_large(self._max_bytes)
            return message

        await self._app(scope, counted, send)
