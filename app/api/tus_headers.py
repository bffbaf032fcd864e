"""Every answer about uploads, refusals too, says by which version of tus they come."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.requests.tus import VERSION
from app.api.routes.uploads import UPLOADS


class TusHeaders:
    """ASGI middleware, outside of what refuses bodies and keys."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path == UPLOADS or path.startswith(f"{UPLOADS}/")):
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["tus-resumable"] = VERSION
                if message["status"] == 412:
                    headers["tus-version"] = VERSION
            await send(message)

        await self._app(scope, receive, told)
