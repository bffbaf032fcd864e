"""Each request runs in a task of its own: a server that cancels it is heard as a client that has left, nothing more."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.service.background import Background

GONE: dict[str, Message] = {
    "http": {"type": "http.disconnect"},
    "websocket": {"type": "websocket.disconnect", "code": 1006, "reason": None},
}


class OwnTask:
    """ASGI middleware: what a request has begun is never cut off half-way.

    Ray Serve answers a hang-up with `Task.cancel`, which lands at any await: in the middle of an accept, or of the very
    withdrawal that the hang-up calls for. Here it only sets off the message of a client that has left; the routes heed
    it where they wait, and finish what they write.
    """

    def __init__(self, app: ASGIApp, background: Background) -> None:
        self._app = app
        self._background = background

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in GONE:
            await self._app(scope, receive, send)
            return
        wire = _Wire(receive, send, GONE[scope["type"]])
        try:
            await self._background.whole(self._story(scope, wire), f"{scope['type']} {scope['path']}")
        finally:
            wire.hang_up()

    async def _story(self, scope: Scope, wire: _Wire) -> None:
        try:
            with suppress(ClientDisconnect):  # it left while its body was read: there is nobody to answer
                await self._app(scope, wire.receive, wire.send)
        finally:
            wire.close()


class _Wire:
    """The server's two calls, which go on being answered when the server has gone."""

    def __init__(self, receive: Receive, send: Send, gone: Message) -> None:
        self._receive, self._send = receive, send
        self._gone = gone
        self._left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next: asyncio.Future[Message] | None = None  # outlives a call that is cancelled: no message is lost

    def hang_up(self) -> None:
        """Who listens hears that the client has left; what is sent from now on goes nowhere."""
        if not self._left.done():
            self._left.set_result(None)

    def close(self) -> None:
        """Nobody will listen any more."""
        if self._next is not None:
            self._next.cancel()

    async def receive(self) -> Message:
        if self._next is None and not self._left.done():
            self._next = asyncio.ensure_future(self._receive())
        if self._next is not None:
            either: set[asyncio.Future[Any]] = {self._next, self._left}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._next is None or not self._next.done():
            return dict(self._gone)
        heard, self._next = self._next, None
        return heard.result()

    async def send(self, message: Message) -> None:
        if not self._left.done():
            await self._send(message)
