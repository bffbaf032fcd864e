"""A door for probes: health and figures on a port of their own, whatever the clients at the public one do."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import problem
from app.ingress.connections import Rules
from app.ingress.protocol import Guard, guarded

log = logging.getLogger(__name__)
PATHS: Final = ("/health", "/health/live", "/health/ready", "/metrics", "/-/healthz")
RULES: Final = Rules(header_s=5.0, most=256, most_of_address=128, body_bytes=4096)


class HealthDoor:
    """ASGI middleware that changes nothing, and has what it stands before answer at one more port, for `PATHS` alone.

    A port that is taken is logged: whoever probes it finds nobody, and the service goes on. `shared`: several processes
    of this machine stand at it, and one that leaves leaves it to the others.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, shared: bool = False) -> None:
        self._app = app
        self._shared = shared
        config = uvicorn.Config(
            self._behind,
            host=host,
            port=port,
            http=guarded(Guard(RULES)),
            ws="none",
            interface="asgi3",
            lifespan="off",
            access_log=False,
            log_config=None,
        )
        self._server = _Server(config)
        self.serving = asyncio.ensure_future(self._serve(host, port))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request at the public port."""
        await self._app(scope, receive, send)

    async def stop(self) -> None:
        """Answer no more."""
        self._server.should_exit = True
        await self.serving

    async def _behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in PATHS and scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
        else:
            await problem(404, "not_found", f"Here are only {', '.join(PATHS)}.")(scope, receive, send)

    async def _serve(self, host: str, port: int) -> None:
        try:
            await self._server.serve(sockets=[_at(host, port)] if self._shared else None)
        except (OSError, SystemExit) as error:  # uvicorn ends so when it cannot bind
            log.error("Nobody answers probes at %s port %d: %s", host, port, error or "it is taken")


def _at(host: str, port: int) -> socket.socket:
    """A place that others of the same user may have too. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    place = socket.socket(family, kind, protocol)
    try:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        place.bind(address)
    except OSError:
        place.close()
        raise
    return place


class _Server(uvicorn.Server):
    """One that leaves signals to the process that it runs in."""

    def capture_signals(self) -> Any:
        """None are taken."""
        from contextlib import nullcontext

        return nullcontext()
