"""Who begins to follow waits their turn before the proxy: a crowd that comes at once keeps no short request waiting."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

AT_A_TIME: Final = 16
"""Streams that are being begun: each takes proxy and Router some milliseconds, and what is asked meanwhile waits for
no more than these."""
STREAMS: Final = ("/events", "/ws")  # how their paths end
BEGINS: Final = frozenset({"http.response.start", "websocket.accept", "websocket.close"})


class Openings:
    """ASGI middleware: of event streams and WebSockets so many are begun at a time, in the order in which they come."""

    def __init__(self, app: ASGIApp, most: int = AT_A_TIME) -> None:
        self._app = app
        self._places = asyncio.Semaphore(most)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket."""
        if not scope.get("path", "").endswith(STREAMS):
            await self._app(scope, receive, send)
            return
        await self._places.acquire()
        begun = False

        def give_up_place() -> None:
            nonlocal begun
            if not begun:
                begun = True
                self._places.release()

        async def told(message: Message) -> None:
            if message["type"] in BEGINS:
                give_up_place()
            await send(message)

        try:
            await self._app(scope, receive, told)
        finally:
            give_up_place()
