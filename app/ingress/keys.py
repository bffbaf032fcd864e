"""How much of a proxy one key may take: its requests and streams under way are counted, and beyond some are a 429."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import problem
from app.ingress.refusals import RETRY_AFTER_S

_KEYS: Final = (b"authorization", b"sec-websocket-protocol")


class PerKey:
    """ASGI middleware: no key has more than `most` requests and streams under way. Without a key, addresses count."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._under_way: Counter[int] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket."""
        key = _key_of(scope.get("headers", ()))
        if key is None:
            await self._app(scope, receive, send)
            return
        if self._under_way[key] >= self._most:
            await _refuse(scope, receive, send)
            return
        self._under_way[key] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way[key] -= 1
            if not self._under_way[key]:
                del self._under_way[key]


def _key_of(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """What tells keys apart here; the key itself is not kept."""
    for name, value in headers:
        if name in _KEYS and value:
            return hash(value)
    return None


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1013, "reason": ""})
        return
    message = "Too many requests and streams of this key are under way."
    headers = {"retry-after": str(RETRY_AFTER_S)}
    await problem(429, "too_many_connections", message, headers=headers)(scope, receive, send)
