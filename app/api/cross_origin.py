"""What browsers ask on behalf of other sites: refused without keys, where being let in proves nothing; or allowed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import of_error
from app.errors import KinorayError

EVERYONE: Final = "*"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})  # change nothing, and what they answer no other site can read
OWN_SITE: Final = frozenset({"same-origin", "none"})  # `none`: the user's own doing, such as an address typed in
REFUSED_SOCKET: Final = 4403


class CrossOrigin(KinorayError):
    """A browser asks for a page of another site."""

    status = 403
    code = "cross_origin"


def is_foreign(method: str, headers: Headers, allowed: Collection[str]) -> bool:
    """Whether a browser sends this for a page of another site that is not allowed to. `method` of a socket: WEBSOCKET.

    Browsers say so in `Sec-Fetch-Site`, where the address is https or this machine; else by an `Origin` with another
    host. Whoever sends neither is no browser, and can say anything.
    """
    origin = headers.get("origin")
    if method in SAFE or EVERYONE in allowed or (origin is not None and origin.lower() in allowed):
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in OWN_SITE
    return origin is not None and _host_of(origin) not in _own_hosts(headers)


def _own_hosts(headers: Headers) -> set[str]:
    """What the browser took this server for; a proxy in between says so, and no page of another site can."""
    forwarded = ",".join(headers.getlist("x-forwarded-host")).split(",")
    return {_host_of(f"//{host.strip()}") for host in (*headers.getlist("host"), *forwarded)} - {""}


def _host_of(address: str) -> str:
    """Host and port of an address, the port where it has to be said; empty for what is none, such as "null"."""
    try:
        found = urlsplit(address)
        port = found.port
    except ValueError:
        return ""
    name = found.hostname or ""
    return name if port in (None, 80, 443) else f"{name}:{port}"


class SameOrigin:
    """ASGI middleware: answers what is foreign with 403, and a WebSocket by not accepting it."""

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        method = scope.get("method", "WEBSOCKET")
        if not is_foreign(method, Headers(scope=scope), self._allowed):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()  # the wish to connect
            await send({"type": "websocket.close", "code": REFUSED_SOCKET, "reason": "cross_origin"})
        else:
            message = "A page of another site may not ask this server: name its origin in KINORAY_CORS_ORIGINS."
            await of_error(CrossOrigin(message, "origin"))(scope, receive, send)
