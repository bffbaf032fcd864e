"""What browsers are told with every answer, so that no other site can do anything with it that its owner would not."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final = {
    "x-content-type-options": "nosniff",  # a file is what its type says
    "referrer-policy": "no-referrer",  # an address may name a video
    "x-frame-options": "DENY",
    "content-security-policy": "frame-ancestors 'none'",
}
"""What an answer has unless its route says otherwise: the page has a narrower policy of its own."""


class SecurityHeaders:
    """ASGI middleware, around everything, so that refusals have them, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, guarded)
