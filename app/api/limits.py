"""Keeps large bodies out: refused by their declared length at once, and by their real one while they come in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.decompression import too_large
from app.api.problems import of_error, problem

MAX_FORM_FIELDS = 100
MAX_FORM_FILES = 4
FORM_BYTES = 2**16  # what a form has around a file


class BodyLimit:
    """ASGI middleware: no more than `max_bytes` of body ever reach the application; of a path in `larger`, so many.

    A name there that ends in `/` is of all paths below it.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, larger: Mapping[str, int] = MappingProxyType({})) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        max_bytes = self._most(scope["path"])
        declared = Headers(scope=scope).get("content-length", "0")
        if not (declared.isascii() and declared.isdigit()):
            await problem(400, "invalid_request", "The content-length is not a number.")(scope, receive, send)
            return
        if len(declared) > 18 or int(declared) > max_bytes:
            await of_error(too_large(max_bytes))(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > max_bytes:
                raise too_large(max_bytes)
            return message

        await self._app(scope, counted, send)

    def _most(self, path: str) -> int:
        own = self._larger.get(path.rstrip("/"))
        below = (most for name, most in self._larger.items() if name.endswith("/") and path.startswith(name))
        return own or next(below, self._max_bytes)
