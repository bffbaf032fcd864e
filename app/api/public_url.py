"""Where clients reach this service: a request's scope and the settings come in, the address before `/v1` goes out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.forwarded import bare_address, elements, hops, listed
from app.settings import Settings
from app.settings.proxies import is_trusted

KEY: Final = "kinoray.public_url"  # of the ASGI scope
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_MOVED: Final = (307, 308)


def public_url(settings: Settings, scope: Scope) -> str:
    """The address, without a slash at its end, under which whoever asks finds `/v1`.

    It is `KINORAY_PUBLIC_URL`; else what the proxies that are trusted say in `Forwarded` (RFC 7239) or `X-Forwarded-*`;
    else what was asked for. Nothing in it is taken from a client that could not be a part of an address.
    """
    if settings.public_url is not None:
        return settings.public_url
    headers = Headers(scope=scope)
    scheme, host, prefix = _forwarded(headers, scope, settings.trusted_proxies)
    scheme = _SCHEMES.get((scheme or "").lower()) or _SCHEMES.get(scope.get("scheme", "http"), "http")
    for named in (host, headers.get("host", "")):
        if named and _HOST.fullmatch(named):
            break
    else:
        named = _bound(scope, settings)
    root = scope.get("app_root_path", scope.get("root_path", ""))
    return f"{scheme}://{named}{prefix}{root}".rstrip("/")


def _bound(scope: Scope, settings: Settings) -> str:
    """The address that the server listens at."""
    host, port = scope.get("server") or (settings.host, settings.port)
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host


def _forwarded(headers: Headers, scope: Scope, trusted: Sequence[str]) -> tuple[str, str, str]:
    """Scheme, host and path prefix as the outermost trusted proxy knew them; empty where none says it."""
    peer = (scope.get("client") or ("",))[0]
    if not is_trusted(peer, trusted):
        return "", "", ""
    if found := elements(headers.getlist("forwarded")):
        said = _outermost(found, [bare_address(each.get("for", "")) for each in found], trusted)
        return said.get("proto", ""), said.get("host", ""), _prefix(headers, 1)
    proxies = hops([bare_address(each) for each in listed(headers.getlist("x-forwarded-for"))], trusted)
    host = _nth(listed(headers.getlist("x-forwarded-host")), proxies)
    port = _nth(listed(headers.getlist("x-forwarded-port")), proxies)
    scheme = _nth(listed(headers.getlist("x-forwarded-proto")), proxies)
    if host and port.isdigit() and not re.search(r":[0-9]+$", host) and port != _usual_port(scheme):
        host = f"{host}:{port}"
    return scheme, host, _prefix(headers, proxies)


def _usual_port(scheme: str) -> str:
    return {"http": "80", "https": "443"}.get(scheme.lower(), "")


def _prefix(headers: Headers, proxies: int) -> str:
    """The path that a proxy has taken away."""
    prefix = _nth(listed(headers.getlist("x-forwarded-prefix")), proxies).rstrip("/")
    return prefix if _PREFIX.fullmatch(prefix) else ""


def _nth(values: Sequence[str], proxies: int) -> str:
    """What the outermost trusted proxy said: each appends on the right, and what lies further left may be invented."""
    return values[-min(proxies, len(values))] if values else ""


def _outermost(said: Sequence[Mapping[str, str]], before: Sequence[str], trusted: Sequence[str]) -> Mapping[str, str]:
    return said[-min(hops(before, trusted), len(said))]


class PublicAddress:
    """ASGI middleware: the scope gets the public address, and redirects lead to it."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        base = scope[KEY] = public_url(self._settings, scope)
        root: str = scope.get("root_path", "")

        async def led(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in _MOVED:
                _lead(MutableHeaders(scope=message), base, root)
            await send(message)

        await self._app(scope, receive, led)


def _lead(headers: MutableHeaders, base: str, root: str) -> None:
    """Have a redirect inside of this service begin with its public address."""
    if (to := headers.get("location")) is not None:
        parts: Any = urlsplit(to)
        query = f"?{parts.query}" if parts.query else ""
        headers["location"] = f"{base}{parts.path.removeprefix(root)}{query}"
