"""A WebSocket to an application in this process and this event loop, so that a test can look at both of its ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from fastapi import FastAPI
from starlette.types import Message


class Socket:
    """The client's end; the application runs in `task`."""

    def __init__(self, app: FastAPI, address: str, headers: dict[str, str], subprotocols: list[str]) -> None:
        path, _, query = address.partition("?")
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "subprotocols": subprotocols,
            "client": ("test", 1),
            "server": ("kinoray", 80),
        }
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self.task = asyncio.ensure_future(app(scope, self._to_app.get, self._from_app.put))
        self.accepted: Message = {}

    def send(self, message: Any) -> None:
        """JSON, or a text or bytes as they are."""
        kind = "bytes" if isinstance(message, bytes) else "text"
        content = message if isinstance(message, (str, bytes)) else json.dumps(message)
        self._to_app.put_nowait({"type": "websocket.receive", kind: content})

    def connect(self) -> None:
        self._to_app.put_nowait({"type": "websocket.connect"})

    def leave(self) -> None:
        self._to_app.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def next(self) -> Message:
        with anyio.fail_after(5):
            return await self._from_app.get()

    async def event(self) -> dict[str, Any]:
        """The next message; the socket must not be closed."""
        message = await self.next()
        assert message["type"] == "websocket.send", message
        found: dict[str, Any] = json.loads(message["text"])
        assert set(found) == {"event", "id", "data"}
        return found

    async def rest(self) -> tuple[list[dict[str, Any]], int]:
        """All messages until the socket is closed, and the code it is closed with."""
        found: list[dict[str, Any]] = []
        while (message := await self.next())["type"] == "websocket.send":
            found.append(json.loads(message["text"]))
        assert message["type"] == "websocket.close"
        return found, int(message["code"])


@asynccontextmanager
async def opened(
    app: FastAPI, address: str, headers: dict[str, str] | None = None, subprotocols: list[str] | None = None
) -> AsyncIterator[Socket]:
    """An accepted socket; the application must have done with it soon after the client leaves."""
    socket = Socket(app, address, headers or {}, subprotocols or [])
    socket.connect()
    socket.accepted = await socket.next()
    try:
        yield socket
    finally:
        socket.leave()
        with anyio.fail_after(5):
            await socket.task
